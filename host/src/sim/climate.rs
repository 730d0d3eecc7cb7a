//! The climate of a small greenhouse in the sun: it warms up and dries out, a pump mists, a fan airs.
//!
//! Each quantity goes towards a balance with a time constant, as such things do; what the actuators do is proportional to
//! how far they are on.

/// The climate of one greenhouse, and its actuators.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Climate {
    /// °C.
    pub(super) temperature: f64,
    /// Percent, relative.
    pub(super) humidity: f64,
    /// Percent of what the soil can hold.
    pub(super) soil: f64,
    /// 0 to 1.
    pub(super) pump: f64,
    /// 0 to 1.
    pub(super) fan: f64,
}

/// Longest step in seconds: much shorter than every time constant, so that a step never overshoots.
const STEP_S: f64 = 5.0;

impl Climate {
    /// A greenhouse on a warm morning; each a little different.
    pub(super) fn of(number: usize) -> Self {
        let shift = (number % 7) as f64 * 0.1;
        Self { temperature: 24.2 + shift, humidity: 58.0 - shift, soil: 46.0 + shift, pump: 0.0, fan: 0.0 }
    }

    /// Lets so many seconds pass.
    pub(super) fn pass(&mut self, seconds: f64) {
        let mut left = seconds.clamp(0.0, 86_400.0);
        while left > 0.0 {
            let step = left.min(STEP_S);
            self.step(step);
            left -= step;
        }
    }

    fn step(&mut self, s: f64) {
        let Self { temperature: t, humidity: h, soil, pump, fan } = *self;
        // Towards a balance, with a time constant in seconds.
        let towards = |now: f64, balance: f64, constant: f64| (balance - now) / constant;
        let warming = towards(t, 33.0, 900.0) + pump * towards(t, 18.0, 350.0) + fan * towards(t, 22.0, 300.0);
        let wetting = towards(h, 45.0, 1_200.0) + pump * towards(h, 92.0, 300.0) + fan * towards(h, 50.0, 400.0);
        let thirst = 1.0 + ((t - 20.0) / 10.0).max(0.0);
        let soaking = towards(soil, 0.0, 14_400.0) * thirst + pump * towards(soil, 95.0, 400.0);
        self.temperature += s * warming;
        self.humidity = (h + s * wetting).clamp(0.0, 100.0);
        self.soil = (soil + s * soaking).clamp(0.0, 100.0);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_sun_warms_and_the_pump_cools() {
        let mut climate = Climate::of(1);
        climate.pass(600.0);
        assert!(climate.temperature > 27.0, "{climate:?}");
        let (warm, dry) = (climate.temperature, climate.soil);
        climate.pump = 1.0;
        climate.pass(600.0);
        assert!(climate.temperature < warm - 2.0 && climate.soil > dry, "{climate:?}");
        climate.pump = 0.0;
        climate.fan = 1.0;
        climate.pass(3_600.0);
        assert!((22.0..27.0).contains(&climate.temperature), "{climate:?}");
    }

    proptest! {
        #[test]
        fn it_stays_a_climate(seconds in 0.0..1e6f64, pump in 0.0..=1.0f64, fan in 0.0..=1.0f64) {
            let mut climate = Climate { pump, fan, ..Climate::of(3) };
            climate.pass(seconds);
            prop_assert!((10.0..40.0).contains(&climate.temperature));
            prop_assert!((0.0..=100.0).contains(&climate.humidity) && (0.0..=100.0).contains(&climate.soil));
        }
    }
}
