//! From a core module to a component of our world: for authors whose compiler stops at the core module.

use anyhow::Context;
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The text of the contract.
pub const CONTRACT: &str = include_str!("../../../wit/policy.wit");
/// The world a policy implements.
const WORLD: &str = "policy-plugin";

/// Adds the world to a core module that was written against it by hand, as Zig and AssemblyScript authors do. The
/// SDK's own modules carry it already.
///
/// # Errors
/// When the contract itself cannot be read, which a test rules out.
pub fn embed(core: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("policy.wit", CONTRACT)?;
    let world = resolve.select_world(&[package], Some(WORLD))?;
    let mut module = core.to_vec();
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)?;
    Ok(module)
}

/// Makes a component from a core module that carries its world.
///
/// # Errors
/// Which import or export of the module does not fit the world it carries.
pub fn wrap(core: &[u8]) -> anyhow::Result<Vec<u8>> {
    ComponentEncoder::default().validate(true).module(core)?.encode().context("the module does not fit its world")
}
