//! The one unsafe line of the host.

use wasmtime::Engine;
use wasmtime::component::Component;

use super::Sealed;

/// Makes sealed code runnable.
///
/// # Errors
/// When the engine does not take it: another version, another processor, or more than the pool of instances holds.
#[expect(unsafe_code, reason = "loading code that this host compiled itself and sealed")]
pub(in crate::runtime) fn load(engine: &Engine, sealed: &Sealed) -> wasmtime::Result<Component> {
    // SAFETY: `deserialize` asks for bytes that `Engine::precompile_component` made and nobody changed since. A `Sealed`
    // is made in two places only. `Cache::put` gets the code over a pipe from the child that just compiled it.
    // `Cache::unseal` gets it from disk and checks an HMAC-SHA256 over the code and its purpose, under a key that is
    // readable by this user alone; who can read that key can already run anything as this user. The bytes are in
    // memory, owned and behind a shared reference, so no other process can change them between check and use, as it
    // could with a mapped file. That engine version and processor fit is checked by `deserialize` itself.
    unsafe { Component::deserialize(engine, &sealed.code) }
}
