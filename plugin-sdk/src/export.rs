//! The seam between a [`Policy`] and the component's exports.
//!
//! INVARIANT (native links): the export symbols contain `:` and `@`, which native linkers refuse, so they exist only
//! when the target is WebAssembly. Everything else is plain Rust and is tested natively.

use std::cell::RefCell;

use crate::context::{Context, Host, State};
use crate::{Decision, Event, Manifest, Plan, Policy, Problem, config};

/// Exports a policy as a component.
///
/// ```text
/// export_policy!(MyPolicy, name = "my-policy", description = "What it does");
/// ```
///
/// The version in its manifest is the crate's; `fuel_hint = 50_000` tells what one decision usually costs. The macro
/// also gives the type a `manifest()`.
#[macro_export]
macro_rules! export_policy {
    ($policy:ty, name = $name:expr, description = $description:expr $(, fuel_hint = $fuel:expr)? $(,)?) => {
        impl $policy {
            /// What the component says of itself.
            pub fn manifest() -> $crate::Manifest {
                let fuel_hint = [$($fuel,)? 100_000_u64][0];
                $crate::__private::manifest::<Self>($name, env!("CARGO_PKG_VERSION"), $description, fuel_hint)
            }
        }

        #[cfg(target_arch = "wasm32")]
        const _: () = {
            ::std::thread_local! {
                static SLOT: $crate::__private::Slot<$policy> = const { $crate::__private::Slot::empty() };
            }

            struct Component;

            impl $crate::__private::Guest for Component {
                fn describe() -> $crate::Manifest {
                    <$policy>::manifest()
                }

                fn configure(config: String) -> Result<$crate::Plan, Vec<$crate::Problem>> {
                    $crate::__private::report_panics();
                    let plan = SLOT.with(|slot| slot.configure(&config));
                    $crate::__private::tidy_heap();
                    plan
                }

                fn migrate(from: String) -> Result<(), String> {
                    SLOT.with(|slot| slot.migrate(&from, &$crate::__private::Imports))
                }

                fn decide(event: $crate::Event) -> Result<$crate::Decision, String> {
                    SLOT.with(|slot| slot.decide(&event, &$crate::__private::Imports))
                }
            }

            $crate::__private::export!(Component with_types_in $crate::bindings);
        };
    };
}

/// The configured policy: filled by `configure`, frozen by the host's snapshot, read by `decide`.
#[derive(Debug)]
pub struct Slot<P>(RefCell<Option<P>>);

impl<P: Policy> Slot<P> {
    /// Nothing configured yet.
    pub const fn empty() -> Self {
        Self(RefCell::new(None))
    }

    /// Configures the policy; a refused configuration leaves what was there.
    ///
    /// # Errors
    /// What is wrong with the configuration.
    pub fn configure(&self, text: &str) -> Result<Plan, Vec<Problem>> {
        let policy = config::configure::<P>(text)?;
        let plan = policy.plan();
        self.0.replace(Some(policy));
        Ok(plan)
    }

    /// Migrates the state of version `from`.
    ///
    /// # Errors
    /// Nothing is configured, or what the policy says.
    pub fn migrate(&self, from: &str, host: &dyn Host) -> Result<(), String> {
        self.configured(|policy| policy.migrate(from, &State::new(host)))
    }

    /// Decides on one event.
    ///
    /// # Errors
    /// Nothing is configured, or what the policy says.
    pub fn decide(&self, event: &Event, host: &dyn Host) -> Result<Decision, String> {
        self.configured(|policy| policy.decide(event, &Context::new(event, host)))
    }

    fn configured<T>(&self, ask: impl FnOnce(&P) -> Result<T, String>) -> Result<T, String> {
        match self.0.borrow().as_ref() {
            Some(policy) => ask(policy),
            None => Err("`configure` must be called first".into()),
        }
    }
}

/// The manifest of `P`.
pub fn manifest<P: Policy>(name: &str, version: &str, description: &str, fuel_hint: u64) -> Manifest {
    Manifest {
        name: name.into(),
        version: version.into(),
        description: description.into(),
        config_schema: config::schema::<P::Config>(),
        fuel_hint,
    }
}

#[cfg(test)]
mod tests;
