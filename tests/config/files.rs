//! Messages about the text of the file, before its keys are looked at.

use std::path::Path;

use kind_harness::suite::config::{self, Overrides};
use snapbox::{assert_data_eq, str};

use crate::messages::message;
use crate::*;

#[test]
fn syntax_errors_look_like_all_others() {
    assert_data_eq!(
        message("suite: \"shop\nnamespace: x\n"),
        str![[r#"
error: not valid YAML: invalid indentation in multiline quoted scalar
 --> e2e.yaml:2:1
  |
2 | namespace: x
  | ^
"#]]
    );
    assert_data_eq!(
        message("suite: shop\nsuite: again\n"),
        str![[r#"
error: the key `suite` is written twice
 --> e2e.yaml:2:1
  |
2 | suite: again
  | ^^^^^
"#]]
    );
}

#[test]
fn carets_count_characters_and_not_bytes() {
    assert_data_eq!(
        message("\u{feff}# Grüße\nsuite: { \"größe ✓\": 1, b: ß, c: *d }\r\n"),
        str![[r#"
error: this alias has no anchor in its document
 --> e2e.yaml:2:33
  |
2 | suite: { "größe ✓": 1, b: ß, c: *d }
  |                                 ^
"#]]
    );
}

#[test]
fn files_as_a_whole() {
    assert_data_eq!(
        message(""),
        str![[r#"
error: the file is empty
--> e2e.yaml
 = help: a suite needs at least `suite`, `namespace` and `components`
"#]]
    );
    assert_data_eq!(
        message(b"suite: caf\xe9\n"),
        str![[r#"
error: this is not UTF-8
 --> e2e.yaml:1:11
  |
1 | suite: caf�
  |           ^
"#]]
    );
    let error = config::load(Path::new("no/such/e2e.yaml"), &Overrides::default()).unwrap_err();
    assert_data_eq!(
        error.to_string(),
        str![[r#"
error: this file cannot be read: no such file or directory
--> no/such/e2e.yaml
"#]]
    );
}

#[test]
fn colour_is_the_callers_choice() {
    let error = load("suite: [").unwrap_err();
    assert!(error.render(true).contains('\u{1b}'));
    assert!(!error.render(false).contains('\u{1b}'));
}

#[test]
fn a_message_does_not_write_to_the_terminal() {
    let error = load(with("suite: shop", "\"\\e[31mred\": 1\nsuite: shop")).unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}
