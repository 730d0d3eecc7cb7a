//! The engine: which WebAssembly runs here, how it is metered, and where its instances live.
//!
//! Three engines share one set of rules, so that they agree about what a component is and does: the one that *runs*
//! (pooled instances), the one in the child process that *compiles* for it, and the one in the child that calls
//! `describe` and `configure` once and therefore compiles fast rather than well.

use std::hash::{Hash, Hasher};

use sha2::{Digest, Sha256};
use wasmparser::WasmFeatures;
use wasmtime::{
    Config, Enabled, Engine, InstanceAllocationStrategy, OperatorCost, OptLevel, PoolingAllocationConfig,
    WasmBacktraceDetails,
};

use crate::config;

/// Native stack of one call in bytes.
pub(super) const STACK_BYTES: usize = 512 * 1024;
/// Data that may cross from guest to host in one call, in bytes.
pub(super) const HOSTCALL_BYTES: usize = 256 * 1024;
/// Core instances in one component. Python has 38.
pub(super) const MAX_CORE_INSTANCES: u32 = 64;
/// Linear memories in one component.
pub(super) const MAX_MEMORIES: u32 = 8;
/// Tables in one component.
pub(super) const MAX_TABLES: u32 = 32;
/// Elements in one table.
pub(super) const MAX_TABLE_ELEMENTS: usize = 10_000;
/// The WebAssembly that is spoken here: what toolchains take for granted, and tail calls for QuickJS. Everything else
/// is surface that no policy needs; most of it took part in an advisory or escapes the limits (threads, shared memory,
/// memory64, GC, exceptions, SIMD, component async).
pub(super) const FEATURES: WasmFeatures = WasmFeatures::FLOATS
    .union(WasmFeatures::MUTABLE_GLOBAL)
    .union(WasmFeatures::SIGN_EXTENSION)
    .union(WasmFeatures::SATURATING_FLOAT_TO_INT)
    .union(WasmFeatures::MULTI_VALUE)
    .union(WasmFeatures::BULK_MEMORY)
    .union(WasmFeatures::REFERENCE_TYPES)
    .union(WasmFeatures::EXTENDED_CONST)
    .union(WasmFeatures::TAIL_CALL)
    .union(WasmFeatures::COMPONENT_MODEL);
/// Fuel for each 64 KiB page of `memory.grow`; the default is none at all.
const GROW_FUEL_PER_PAGE: u8 = 255;

/// The engine that runs policies.
///
/// # Errors
/// When the pool does not fit into the address space, or the processor is not supported.
pub(super) fn running(config: &config::runtime::Runtime) -> wasmtime::Result<Engine> {
    let mut rules = rules();
    rules.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(config)));
    Engine::new(&rules)
}

/// The engine that compiles for [`running`].
///
/// # Errors
/// When the processor is not supported.
pub(super) fn compiling() -> wasmtime::Result<Engine> {
    Engine::new(&rules())
}

/// The engine that calls `describe` and `configure` once.
///
/// # Errors
/// When the processor is not supported.
pub(super) fn setting_up() -> wasmtime::Result<Engine> {
    let mut rules = rules();
    rules.cranelift_opt_level(OptLevel::None);
    Engine::new(&rules)
}

/// What decides whether compiled code fits and whether a decision can be repeated: engine, processor features, every
/// rule below, the contract, and the host's version, which fixes its time zone data.
pub(super) fn fingerprint(engine: &Engine) -> String {
    let mut hasher = Sha256Hasher(Sha256::new());
    engine.precompile_compatibility_hash().hash(&mut hasher);
    hasher.write(env!("CARGO_PKG_VERSION").as_bytes());
    hasher.write(include_bytes!("../../../wit/policy.wit"));
    hex::encode(hasher.0.finalize())
}

/// INVARIANT (one meaning): everything here is part of what a decision is. Two hosts with the same rules cut the same
/// run at the same instruction, and compute the same bits.
fn rules() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .operator_cost(costs())
        .epoch_interruption(true)
        .cranelift_nan_canonicalization(true)
        .max_wasm_stack(STACK_BYTES)
        .concurrency_support(false)
        .generate_address_map(false)
        // Only debuggers of the machine's own look at it, and it is a sixth of the code's size.
        .native_unwind_info(cfg!(windows))
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .memory_init_cow(true);
    config.wasm_features(WasmFeatures::all().difference(FEATURES), false).wasm_features(FEATURES, true);
    config
}

/// Bulk memory and table instructions cost one unit per byte or element by default; growing memory costs nothing, so
/// it gets a price.
fn costs() -> OperatorCost {
    let mut costs = OperatorCost::new();
    costs.variable.memory_grow_per_page = GROW_FUEL_PER_PAGE;
    costs
}

fn pool(config: &config::runtime::Runtime) -> PoolingAllocationConfig {
    let instances = config.instances;
    let resident = usize::try_from(config.keep_resident_bytes).unwrap_or(usize::MAX);
    let memory = usize::try_from(config.ceiling.memory_bytes).unwrap_or(usize::MAX);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances.saturating_mul(4).saturating_add(MAX_CORE_INSTANCES))
        .total_memories(instances.saturating_add(MAX_MEMORIES))
        .total_tables(instances.saturating_mul(2).saturating_add(MAX_TABLES))
        .max_core_instances_per_component(MAX_CORE_INSTANCES)
        .max_memories_per_component(MAX_MEMORIES)
        .max_tables_per_component(MAX_TABLES)
        .max_component_instance_size(8 * 1024 * 1024)
        .max_core_instance_size(2 * 1024 * 1024)
        .max_memories_per_module(1)
        .max_tables_per_module(MAX_TABLES)
        .table_elements(MAX_TABLE_ELEMENTS)
        .max_memory_size(memory)
        .max_unused_warm_slots(instances)
        .linear_memory_keep_resident(resident)
        .table_keep_resident(MAX_TABLE_ELEMENTS * size_of::<usize>())
        .pagemap_scan(Enabled::Auto);
    pool
}

struct Sha256Hasher(Sha256);

impl Hasher for Sha256Hasher {
    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    fn finish(&self) -> u64 {
        0
    }
}
