//! Why an upload does not become a version: each reason says what to do.

use interlock_core::evaluation::Fault;
use interlock_core::policy::Problem;
use serde::{Deserialize, Serialize};

/// Which call failed while a component was set up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Making an instance.
    Start,
    /// `describe`.
    Describe,
    /// `configure`.
    Configure,
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Start => "the start of an instance",
            Self::Describe => "`describe`",
            Self::Configure => "`configure`",
        })
    }
}

/// Why an upload does not become a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum Rejection {
    /// Nothing was sent.
    #[error("the file is empty; send a WebAssembly component")]
    Empty,
    /// The file is too large.
    #[error("the file has {bytes} bytes; at most {limit} are taken (`runtime.max_artifact_bytes`)")]
    TooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The file is something else.
    #[error("this is no WebAssembly but {looks_like}; send the `.wasm` component that your build made")]
    NotWasm {
        /// What it looks like.
        looks_like: String,
    },
    /// The file is WebAssembly, but broken or with features that are off here.
    #[error("the file is no valid WebAssembly for this host: {reason}")]
    InvalidWasm {
        /// What the validator says.
        reason: String,
    },
    /// A core module without the world.
    #[error(
        "this is a core module that does not carry the world `interlock:policy/policy-plugin@0.1.0`; build it with the \
         SDK or `interlock build`, or turn it into a component with wit-component"
    )]
    CoreModule,
    /// A component of another world.
    #[error(
        "the component does not export `{missing}`; it exports {}. Implement the world of wit/policy.wit",
        listed(found)
    )]
    WrongWorld {
        /// What is missing.
        missing: String,
        /// What it exports instead.
        found: Vec<String>,
    },
    /// A component of another version of the world.
    #[error("the component speaks `{found}`; this host speaks `{wanted}`. Build it against this host's wit/policy.wit")]
    WrongVersion {
        /// The version it was built for.
        found: String,
        /// The version spoken here.
        wanted: String,
    },
    /// The names are right and the types are not.
    #[error("the component does not fit the contract: {reason}. Build it against this host's wit/policy.wit")]
    Mismatch {
        /// Which type differs, and how.
        reason: String,
    },
    /// The component wants WASI.
    #[error(
        "the component imports `{import}`, and there is no WASI here: {}",
        "build Rust for wasm32-unknown-unknown, JavaScript (componentize-js) with `-d all`, JavaScript (componentize-qjs) \
         and Python (componentize-py) with `--stub-wasi`"
    )]
    Wasi {
        /// The first such import.
        import: String,
    },
    /// The component wants something that is not in the contract.
    #[error(
        "the component imports `{import}`, which is not granted; a policy may import `readings`, `state`, `local-time` \
         and `log` of `interlock:policy@0.1.0` and nothing else"
    )]
    NotGranted {
        /// The import.
        import: String,
    },
    /// The component is built larger or deeper than is taken.
    #[error("the component has {found} {what}; at most {limit} are taken")]
    Shape {
        /// What there is too much of.
        what: String,
        /// How much.
        found: u64,
        /// The limit.
        limit: u64,
    },
    /// The component does not fit into the pool of instances.
    #[error("an instance of the component does not fit: {reason}")]
    DoesNotFit {
        /// The limit that was hit.
        reason: String,
    },
    /// A limit above the host's ceiling.
    #[error("the limit `{limit}` is {asked}; this host allows at most {ceiling} (`runtime.ceiling.{limit}`)")]
    OverCeiling {
        /// Which limit.
        limit: String,
        /// What was asked for.
        asked: u64,
        /// What is allowed.
        ceiling: u64,
    },
    /// The configuration is too large.
    #[error("the configuration has {bytes} bytes; at most {limit} are taken (`runtime.max_config_bytes`)")]
    ConfigTooLarge {
        /// Its size.
        bytes: u64,
        /// The limit.
        limit: u64,
    },
    /// The configuration is no JSON.
    #[error("the configuration is no JSON: {reason}")]
    ConfigNotJson {
        /// Where and why.
        reason: String,
    },
    /// The configuration breaks the component's schema, or `configure` refused it.
    #[error("the configuration is not accepted: {}", described(problems))]
    InvalidConfig {
        /// What is wrong, each with a JSON pointer.
        problems: Vec<Problem>,
    },
    /// The manifest's schema is unusable: the component's mistake, not the configuration's.
    #[error("the component's own configuration schema is unusable: {reason}")]
    BadSchema {
        /// Why.
        reason: String,
    },
    /// The manifest says something impossible.
    #[error("the component's manifest is unusable: {reason}")]
    BadManifest {
        /// Why.
        reason: String,
    },
    /// The plan cannot be granted.
    #[error("the plan that `configure` answered with cannot be granted: {}", problems.join("; "))]
    BadPlan {
        /// What is wrong.
        problems: Vec<String>,
    },
    /// A call failed while the component was set up.
    #[error("{step} failed: {fault}")]
    SetupFault {
        /// Which call.
        step: Step,
        /// How.
        fault: Fault,
    },
    /// The compiler refused it.
    #[error("the component cannot be compiled: {reason}")]
    Compile {
        /// Why.
        reason: String,
    },
    /// Compiling took too long.
    #[error("compiling was stopped after {seconds} s (`runtime.compile_wall_s`); make the component smaller")]
    CompileTimeout {
        /// The limit.
        seconds: u64,
    },
    /// Compiling used more than it may.
    #[error("compiling was stopped: {reason}; make the component smaller")]
    CompileLimit {
        /// Which limit, with its number.
        reason: String,
    },
    /// The compiler went down.
    #[error("the compiler broke on this component ({reason}); nothing else was harmed")]
    CompileCrash {
        /// How.
        reason: String,
    },
    /// Too many compilations wait.
    #[error("{waiting} compilations are waiting already (`runtime.compile_queue`); try again in a minute")]
    Busy {
        /// How many.
        waiting: u32,
    },
    /// The stored artifact is not what it was.
    #[error("the artifact is damaged: its SHA-256 is `{found}` and should be `{wanted}`; upload it again")]
    Corrupt {
        /// Its digest now.
        found: String,
        /// Its digest when it was stored.
        wanted: String,
    },
    /// The machine, not the component.
    #[error("the compiler could not be run: {reason}")]
    Io {
        /// Why.
        reason: String,
    },
}

impl Rejection {
    /// One stable word for programs.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::TooLarge { .. } => "too_large",
            Self::NotWasm { .. } => "not_wasm",
            Self::InvalidWasm { .. } => "invalid_wasm",
            Self::CoreModule => "core_module",
            Self::WrongWorld { .. } => "wrong_world",
            Self::WrongVersion { .. } => "wrong_version",
            Self::Mismatch { .. } => "mismatch",
            Self::Wasi { .. } => "wasi",
            Self::NotGranted { .. } => "not_granted",
            Self::Shape { .. } => "shape",
            Self::DoesNotFit { .. } => "does_not_fit",
            Self::OverCeiling { .. } => "over_ceiling",
            Self::ConfigTooLarge { .. } => "config_too_large",
            Self::ConfigNotJson { .. } => "config_not_json",
            Self::InvalidConfig { .. } => "invalid_config",
            Self::BadSchema { .. } => "bad_schema",
            Self::BadManifest { .. } => "bad_manifest",
            Self::BadPlan { .. } => "bad_plan",
            Self::SetupFault { .. } => "setup_fault",
            Self::Compile { .. } => "compile",
            Self::CompileTimeout { .. } => "compile_timeout",
            Self::CompileLimit { .. } => "compile_limit",
            Self::CompileCrash { .. } => "compile_crash",
            Self::Busy { .. } => "busy",
            Self::Corrupt { .. } => "corrupt",
            Self::Io { .. } => "io",
        }
    }

    /// What is wrong with the configuration, where that is it.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::InvalidConfig { problems } => problems,
            _ => &[],
        }
    }

    pub(super) fn io(error: &std::io::Error) -> Self {
        Self::Io { reason: error.to_string() }
    }
}

fn listed(names: &[String]) -> String {
    match names {
        [] => "nothing".to_owned(),
        names => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
    }
}

fn described(problems: &[Problem]) -> String {
    let one = |problem: &Problem| match problem.pointer.as_str() {
        "" => problem.message.clone(),
        pointer => format!("`{pointer}` {}", problem.message),
    };
    problems.iter().map(one).collect::<Vec<_>>().join("; ")
}
