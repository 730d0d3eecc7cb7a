//! Actions: who is driven where, who is told what.

use interlock_plugin_sdk::{Intent, Notification, Setting, Severity};

use super::Check;
use crate::document::{ActionDocument, CommandDocument, NoticeDocument, NoticeSeverity};

/// Actions of one rule.
const MAX_ACTIONS: usize = 16;
/// Bytes of a notification.
const MAX_MESSAGE: usize = 1_024;

impl Check {
    pub(super) fn actions(&mut self, at: &str, actions: Vec<ActionDocument>) -> (Vec<Intent>, Vec<Notification>) {
        let at = format!("{at}/actions");
        if actions.is_empty() || actions.len() > MAX_ACTIONS {
            self.wrong(&at, format!("a rule has 1 to {MAX_ACTIONS} actions"));
        }
        let (mut intents, mut notifications) = (Vec::<Intent>::new(), Vec::new());
        for (number, action) in actions.into_iter().enumerate() {
            let at = format!("{at}/{number}");
            match action {
                ActionDocument::ActuatorCommand(command) => {
                    let intent = self.command(&at, command);
                    if intents.iter().any(|other| other.actuator == intent.actuator) {
                        self.wrong(at, format!("the rule already drives `{}`", intent.actuator));
                    }
                    intents.push(intent);
                }
                ActionDocument::Notification(notice) => notifications.push(self.notice(&at, notice)),
            }
        }
        (intents, notifications)
    }

    fn command(&mut self, at: &str, command: CommandDocument) -> Intent {
        let CommandDocument { esp_id, gpio, actuator, value, duration_seconds } = command;
        let actuator = match (actuator, esp_id, gpio) {
            (Some(actuator), None, None) => {
                if actuator.is_empty() || actuator.len() > 2 * super::MAX_NAME {
                    self.wrong(format!("{at}/actuator"), "must not be empty or longer than 256 bytes");
                }
                actuator
            }
            (None, Some(device), Some(gpio)) => {
                let channel = gpio.into_channel();
                self.part(&format!("{at}/esp_id"), &device);
                self.part(&format!("{at}/gpio"), &channel);
                format!("{device}/{channel}")
            }
            _ => {
                self.wrong(at, "needs either `esp_id` and `gpio`, or `actuator`");
                String::new()
            }
        };
        let mut intent = Intent::new(actuator, Setting::Value(value));
        intent.hold_for = duration_seconds.map(|seconds| {
            let at = format!("{at}/duration_seconds");
            let span = self.seconds(&at, seconds);
            if seconds == 0.0 {
                self.wrong(at, "must be longer than nothing; leave it out to hold the value until it is replaced");
            }
            span
        });
        intent
    }

    fn notice(&mut self, at: &str, notice: NoticeDocument) -> Notification {
        let NoticeDocument { channel, severity, message } = notice;
        self.part(&format!("{at}/channel"), &channel);
        if message.is_empty() || message.len() > MAX_MESSAGE {
            self.wrong(format!("{at}/message"), format!("must have 1 to {MAX_MESSAGE} bytes"));
        }
        let severity = match severity {
            NoticeSeverity::Ok => Severity::Ok,
            NoticeSeverity::Info => Severity::Info,
            NoticeSeverity::Warn => Severity::Warn,
            NoticeSeverity::Crit => Severity::Crit,
        };
        Notification { channel, severity, message }
    }
}
