//! The contract as Rust types, generated from `wit/policy.wit`. The only `bindgen!` of the host; [`super::convert`]
//! turns these types into the host's own, and nothing else looks at them.

wasmtime::component::bindgen!({
    path: "../wit/policy.wit",
    world: "policy-plugin",
    imports: { default: trappable },
});
