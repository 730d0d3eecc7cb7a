//! The contract as Rust types: the only place that reads `wit/`.
//!
//! Which of these types an author sees is listed, one by one, in the crate's root.

wit_bindgen::generate!({
    path: "../wit",
    world: "policy-plugin",
    additional_derives: [PartialEq],
    pub_export_macro: true,
    default_bindings_module: "interlock_plugin_sdk::bindings",
});
