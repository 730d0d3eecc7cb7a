//! The core module wrapped as a component, and held against the contract.

use wasmparser::{Parser, Payload, TypeRef};
use wit_component::{ComponentEncoder, DecodedWasm};

/// The package of the contract.
const CONTRACT: &str = "interlock:policy/";
/// What a policy exports.
const EXPORT: &str = "interlock:policy/policy@0.1.0";

/// Why a core module does not become a component of the contract.
#[derive(Debug, thiserror::Error)]
pub enum ComponentError {
    /// It is no WebAssembly.
    #[error("the compiler's output is no WebAssembly module: {0}")]
    NoModule(String),
    /// It expects a browser.
    #[error(
        "the module expects a browser (it imports `{import}`), because {} `wasm-bindgen`; switch that feature off",
        blame(.culprits)
    )]
    Browser {
        /// The first such import.
        import: String,
        /// The crates that depend on `wasm-bindgen`.
        culprits: Vec<String>,
    },
    /// It expects an operating system or a C library.
    #[error("the module imports `{0}`, which no host offers: a policy imports nothing but `interlock:policy`")]
    Foreign(String),
    /// It exports no policy.
    #[error("the crate exports no policy: write `export_policy!(YourPolicy, name = .., description = ..)`")]
    NoPolicy,
    /// It cannot be wrapped.
    #[error("the module cannot be wrapped as a component: {0}")]
    Encode(String),
}

fn blame(culprits: &[String]) -> String {
    match culprits {
        [] => "some crate depends on".into(),
        [one] => format!("`{one}` depends on"),
        many => format!("`{}` depend on", many.join("`, `")),
    }
}

impl ComponentError {
    /// Fills in who is to blame for an import that `dependents` can explain.
    #[must_use]
    pub fn blame(self, dependents: impl FnOnce(&str) -> Vec<String>) -> Self {
        match self {
            Self::Browser { import, .. } => Self::Browser { import, culprits: dependents("wasm-bindgen") },
            other => other,
        }
    }
}

/// What a component imports and exports, by full name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Interface {
    /// Imports, in the component's order.
    pub imports: Vec<String>,
    /// Exports, in the component's order.
    pub exports: Vec<String>,
}

/// Looks at the imports of a core module before it is wrapped: here they still have the names their authors gave them.
///
/// # Errors
/// The first import that is not the contract's.
pub fn check_core(core: &[u8]) -> Result<(), ComponentError> {
    for payload in Parser::new(0).parse_all(core) {
        let payload = payload.map_err(|error| ComponentError::NoModule(error.to_string()))?;
        let Payload::ImportSection(section) = payload else { continue };
        for import in section.into_imports() {
            let import = import.map_err(|error| ComponentError::NoModule(error.to_string()))?;
            if !matches!(import.ty, TypeRef::Func(_)) || import.module.starts_with(CONTRACT) {
                continue;
            }
            let name = format!("{}::{}", import.module, import.name);
            return Err(if import.module.starts_with("__wbindgen") {
                ComponentError::Browser { import: name, culprits: Vec::new() }
            } else {
                ComponentError::Foreign(name)
            });
        }
    }
    Ok(())
}

/// Wraps a core module as a component.
///
/// # Errors
/// It does not carry the contract, or does not fit it.
pub fn encode(core: &[u8]) -> Result<Vec<u8>, ComponentError> {
    let encoder = ComponentEncoder::default().validate(true).module(core);
    encoder.and_then(|mut encoder| encoder.encode()).map_err(|error| ComponentError::Encode(format!("{error:#}")))
}

/// What a component imports and exports.
///
/// # Errors
/// It is no component, imports something that is not the contract's, or exports no policy.
pub fn inspect(component: &[u8]) -> Result<Interface, ComponentError> {
    let decoded = wit_component::decode(component).map_err(|error| ComponentError::Encode(format!("{error:#}")))?;
    let DecodedWasm::Component(resolve, world) = decoded else { return Err(ComponentError::NoPolicy) };
    let Some(world) = resolve.worlds.get(world) else { return Err(ComponentError::NoPolicy) };
    let names = |items: &wit_parser::IndexMap<_, _>| items.keys().map(|key| resolve.name_world_key(key)).collect();
    let interface = Interface { imports: names(&world.imports), exports: names(&world.exports) };
    if let Some(foreign) = interface.imports.iter().find(|name| !name.starts_with(CONTRACT)) {
        return Err(ComponentError::Foreign(foreign.clone()));
    }
    if !interface.exports.iter().any(|name| name == EXPORT) {
        return Err(ComponentError::NoPolicy);
    }
    Ok(interface)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(text: &str) -> ComponentError {
        check_core(&wat::parse_str(text).unwrap()).unwrap_err()
    }

    #[test]
    fn a_module_that_expects_a_browser_names_the_crate_to_blame() {
        let error = refused(r#"(module (import "__wbindgen_placeholder__" "__wbindgen_describe" (func)))"#);
        let error = error.blame(|name| vec![format!("a crate that wants {name}")]);

        let message = error.to_string();
        assert!(message.contains("`__wbindgen_placeholder__::__wbindgen_describe`"), "{message}");
        assert!(message.contains("because `a crate that wants wasm-bindgen` depends on"), "{message}");
    }

    #[test]
    fn a_module_that_expects_an_operating_system_is_refused() {
        let error = refused(r#"(module (import "wasi_snapshot_preview1" "fd_write" (func)))"#);
        assert!(error.to_string().contains("`wasi_snapshot_preview1::fd_write`"), "{error}");
    }

    #[test]
    fn imports_of_the_contract_are_taken() {
        let core = wat::parse_str(r#"(module (import "interlock:policy/log@0.1.0" "emit" (func)))"#).unwrap();
        check_core(&core).unwrap();
    }

    #[test]
    fn a_module_without_the_contract_exports_no_policy() {
        let component = encode(&wat::parse_str("(module)").unwrap()).unwrap();
        assert!(matches!(inspect(&component), Err(ComponentError::NoPolicy)));
    }

    #[test]
    fn what_is_no_webassembly_is_refused() {
        assert!(matches!(check_core(b"not wasm"), Err(ComponentError::NoModule(_))));
        assert!(matches!(inspect(b"not wasm"), Err(ComponentError::Encode(_))));
    }
}
