//! What can be said of an upload without running or compiling it: what kind of file it is, which world it speaks, what
//! it wants from the host, and how large it is built.
//!
//! [`sniff`] looks at a few bytes and is safe anywhere. [`component`] parses what strangers wrote and therefore runs
//! in the child.

use wasmparser::{Encoding, Parser, Payload, Validator};

use super::component::wrap;
use super::engine::{FEATURES, MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLES};
use super::exports::POLICY;
use super::rejection::Rejection;

/// Components within components.
const MAX_DEPTH: u64 = 8;
/// Nested components in all.
const MAX_COMPONENTS: u64 = 256;
/// Functions in all core modules together.
const MAX_FUNCTIONS: u64 = 100_000;
/// Imports and exports of the component itself.
const MAX_NAMES: u64 = 256;
/// The package of the contract, as imports and exports name it.
const PACKAGE: &str = "interlock:policy/";
/// What a policy may import. `types` carries no functions.
const GRANTED: [&str; 5] = [
    "interlock:policy/types@0.1.0",
    "interlock:policy/readings@0.1.0",
    "interlock:policy/state@0.1.0",
    "interlock:policy/local-time@0.1.0",
    "interlock:policy/log@0.1.0",
];

/// What a file's first bytes say it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A component.
    Component,
    /// A core module.
    Core,
}

/// What kind of WebAssembly this is.
///
/// # Errors
/// That it is none, and what it is instead.
pub(super) fn sniff(bytes: &[u8], limit: u64) -> Result<Kind, Rejection> {
    let size = bytes.len() as u64;
    if bytes.is_empty() {
        return Err(Rejection::Empty);
    }
    if size > limit {
        return Err(Rejection::TooLarge { bytes: size, limit });
    }
    match bytes {
        [0, b'a', b's', b'm', 0x0d, 0, 1, 0, ..] => Ok(Kind::Component),
        [0, b'a', b's', b'm', 1, 0, 0, 0, ..] => Ok(Kind::Core),
        [0, b'a', b's', b'm', ..] => {
            Err(Rejection::InvalidWasm { reason: "its header names neither a core module nor a component".to_owned() })
        }
        _ => Err(Rejection::NotWasm { looks_like: looks_like(bytes) }),
    }
}

fn looks_like(bytes: &[u8]) -> String {
    match bytes {
        [0x7f, b'E', b'L', b'F', ..] => "native code (an ELF file, perhaps a precompiled `.cwasm`)".to_owned(),
        [b'P', b'K', 3, 4, ..] => "a zip archive".to_owned(),
        [0x1f, 0x8b, ..] => "a gzip archive".to_owned(),
        [0x28, 0xb5, 0x2f, 0xfd, ..] => "a zstd archive".to_owned(),
        _ => match text_start(bytes) {
            Some(text) if text.starts_with("(module") || text.starts_with("(component") => {
                "WebAssembly as text (assemble it first)".to_owned()
            }
            Some(text) if text.starts_with('{') || text.starts_with('[') => "JSON".to_owned(),
            Some(_) => "text".to_owned(),
            None => format!("unknown data that begins with {}", hex::encode(bytes.get(..4).unwrap_or(bytes))),
        },
    }
}

fn text_start(bytes: &[u8]) -> Option<&str> {
    let start = bytes.get(..256).unwrap_or(bytes);
    let text = match std::str::from_utf8(start) {
        Ok(text) => text,
        // A character that the cut went through is no sign of binary data.
        Err(error) if error.error_len().is_none() => std::str::from_utf8(start.get(..error.valid_up_to())?).ok()?,
        Err(_) => return None,
    };
    let is_text = |c: char| !c.is_control() || c.is_whitespace();
    text.chars().all(is_text).then(|| text.trim_start())
}

/// Turns a core module that carries the world into a component.
///
/// # Errors
/// That it does not carry the world, or does not fit it.
pub(super) fn wrapped(core: &[u8]) -> Result<Vec<u8>, Rejection> {
    let mut carries_world = false;
    for payload in Parser::new(0).parse_all(core) {
        match payload.map_err(invalid)? {
            Payload::CustomSection(section) if section.name().starts_with("component-type") => carries_world = true,
            Payload::ImportSection(imports) => {
                for import in imports.into_imports() {
                    let import = import.map_err(invalid)?;
                    if import.module.starts_with("wasi") {
                        return Err(Rejection::Wasi { import: format!("{}.{}", import.module, import.name) });
                    }
                }
            }
            _ => {}
        }
    }
    if !carries_world {
        return Err(Rejection::CoreModule);
    }
    wrap(core).map_err(|error| Rejection::Mismatch { reason: format!("{error:#}") })
}

/// Judges a component: its world, its imports, its shape, then its validity.
///
/// # Errors
/// The first thing that is wrong.
pub(super) fn component(bytes: &[u8]) -> Result<(), Rejection> {
    let outline = Outline::of(bytes)?;
    outline.speaks_our_world()?;
    outline.imports_only_what_is_granted()?;
    outline.keeps_its_shape()?;
    Validator::new_with_features(FEATURES).validate_all(bytes).map_err(invalid)?;
    Ok(())
}

/// What is counted and named while a component is parsed.
#[derive(Debug, Default)]
struct Outline {
    imports: Vec<String>,
    exports: Vec<String>,
    depth: u64,
    components: u64,
    core_instances: u64,
    functions: u64,
    memories: u64,
    tables: u64,
}

impl Outline {
    fn of(bytes: &[u8]) -> Result<Self, Rejection> {
        let mut outline = Self::default();
        let mut depth: u64 = 0;
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(invalid)? {
                Payload::Version { encoding: Encoding::Component, .. } => {
                    depth += 1;
                    outline.components += 1;
                    outline.depth = outline.depth.max(depth);
                }
                Payload::Version { encoding: Encoding::Module, .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    for import in imports {
                        outline.imports.push(import.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 1 => {
                    for export in exports {
                        outline.exports.push(export.map_err(invalid)?.name.name.to_owned());
                    }
                }
                Payload::InstanceSection(instances) => outline.core_instances += u64::from(instances.count()),
                Payload::FunctionSection(functions) => outline.functions += u64::from(functions.count()),
                Payload::MemorySection(memories) => outline.memories += u64::from(memories.count()),
                Payload::TableSection(tables) => outline.tables += u64::from(tables.count()),
                _ => {}
            }
        }
        Ok(outline)
    }

    fn speaks_our_world(&self) -> Result<(), Rejection> {
        if self.exports.iter().any(|name| name == POLICY) {
            return Ok(());
        }
        let other = self.exports.iter().find(|name| name.starts_with("interlock:policy/policy"));
        Err(match other {
            Some(found) => Rejection::WrongVersion { found: found.clone(), wanted: POLICY.to_owned() },
            None => {
                let found = self.exports.iter().take(8).cloned().collect();
                Rejection::WrongWorld { missing: POLICY.to_owned(), found }
            }
        })
    }

    fn imports_only_what_is_granted(&self) -> Result<(), Rejection> {
        let foreign = self.imports.iter().find(|name| !GRANTED.contains(&name.as_str()));
        let Some(import) = foreign.cloned() else { return Ok(()) };
        if import.starts_with("wasi:") {
            return Err(Rejection::Wasi { import });
        }
        let ours = GRANTED.iter().find(|granted| interface(granted) == interface(&import));
        Err(match ours {
            Some(wanted) if import.starts_with(PACKAGE) => {
                Rejection::WrongVersion { found: import, wanted: (*wanted).to_owned() }
            }
            _ => Rejection::NotGranted { import },
        })
    }

    fn keeps_its_shape(&self) -> Result<(), Rejection> {
        let names = (self.imports.len() + self.exports.len()) as u64;
        let bounds = [
            ("components within components", self.depth, MAX_DEPTH),
            ("nested components", self.components, MAX_COMPONENTS),
            ("core instances", self.core_instances, u64::from(MAX_CORE_INSTANCES)),
            ("functions", self.functions, MAX_FUNCTIONS),
            ("memories", self.memories, u64::from(MAX_MEMORIES)),
            ("tables", self.tables, u64::from(MAX_TABLES)),
            ("imports and exports", names, MAX_NAMES),
        ];
        match bounds.into_iter().find(|(_, found, limit)| found > limit) {
            Some((what, found, limit)) => Err(Rejection::Shape { what: what.to_owned(), found, limit }),
            None => Ok(()),
        }
    }
}

fn interface(name: &str) -> &str {
    name.split_once('@').map_or(name, |(interface, _)| interface)
}

fn invalid(error: wasmparser::BinaryReaderError) -> Rejection {
    Rejection::InvalidWasm { reason: error.to_string() }
}

#[cfg(test)]
mod tests;
