//! The routes over real handles.
