//! The command line as a person types it.

use clap::{CommandFactory as _, Parser as _};

use super::Cli;

fn refused(line: &str) -> String {
    Cli::try_parse_from(line.split(' ')).unwrap_err().to_string()
}

#[test]
fn the_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn every_verb_says_what_it_does() {
    for verb in Cli::command().get_subcommands() {
        assert!(verb.get_about().is_some(), "{}", verb.get_name());
        let documented = verb.get_after_help().is_some() || verb.is_hide_set() || verb.get_name() == "help";
        assert!(documented, "`{}` has no example", verb.get_name());
    }
}

#[test]
fn json_may_stand_anywhere() {
    assert!(Cli::try_parse_from(["interlock", "--json", "ps"]).unwrap().json);
    assert!(Cli::try_parse_from(["interlock", "ps", "--json"]).unwrap().json);
}

#[test]
fn a_stop_without_a_reason_is_refused() {
    assert!(refused("interlock stop").contains("--reason"));
}

#[test]
fn a_wrong_mode_names_the_right_ones() {
    assert!(refused("interlock activate p 1 --mode on").contains("choose off, shadow, advise or enforce"));
}

#[test]
fn set_needs_something_to_set() {
    assert!(refused("interlock set p").contains("--mode"));
    assert!(refused("interlock set p --priority 17").contains("1..=16"));
    assert!(Cli::try_parse_from(["interlock", "set", "p", "--enabled", "false", "--priority", "3"]).is_ok());
}
