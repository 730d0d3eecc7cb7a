//! The shape of tokens and scopes; what needs a line is shown by the tests of `http`.

use super::secret::Secret;
use super::*;

#[test]
fn a_token_is_found_by_its_shape_and_matches_only_its_own_hash() {
    let secret = Secret::random().unwrap();
    let (hash, token) = (secret.sha256(), secret.into_token());
    assert_eq!(token.len(), 4 + 12 + 1 + 43);
    assert!(Secret::parse(&token).unwrap().matches(&hash));
    assert!(!Secret::random().unwrap().matches(&hash));
    assert!(!Secret::parse(&token).unwrap().matches(""));
}

#[test]
fn what_is_no_token_is_not_looked_up() {
    let good = Secret::random().unwrap().into_token();
    let without_end = &good[..good.len() - 1];
    for wrong in ["", "ilk_", "ilk__", "ilk_zz_yy", &good.replace("ilk_", "key_"), without_end, &format!("{good}=")] {
        assert!(Secret::parse(wrong).is_none(), "`{wrong}`");
    }
}

#[test]
fn scopes_are_read_as_they_are_written() {
    for scope in Scope::ALL {
        assert_eq!(scope.as_str().parse(), Ok(scope));
        assert_eq!(serde_json::to_value(scope).unwrap(), scope.as_str());
    }
    assert!("policy".parse::<Scope>().unwrap_err().contains("policy:read"));
}

#[test]
fn a_token_that_is_out_of_bounds_is_refused() {
    let sound = NewToken {
        name: "panel".into(),
        scopes: BTreeSet::from([Scope::PolicyRead]),
        per_minute: None,
        expires: Some(Timestamp(2_000)),
    };
    assert!(sound.check(Timestamp(1_000)).is_ok());
    assert!(sound.check(Timestamp(2_000)).is_err());
    let wrong = [
        NewToken { name: " ".into(), ..sound.clone() },
        NewToken { scopes: BTreeSet::new(), ..sound.clone() },
        NewToken { per_minute: Some(0), ..sound },
    ];
    for new in wrong {
        assert!(new.check(Timestamp(1_000)).is_err(), "{new:?}");
    }
}
