//! The options of the attribute: `#[kind_harness::test(suite = "e2e.yaml", timeout = "30s")]`.

use std::time::Duration;

use jiff::SignedDuration;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitStr, Token};

/// The default suite.
const SUITE: &str = "e2e.yaml";

/// The options of the attribute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) suite: String,
    pub(crate) timeout: Option<Duration>,
    pub(crate) multi_thread: bool,
    pub(crate) exclusive: bool,
}

/// One option: `exclusive`, or a name and a string.
struct Entry {
    name: Ident,
    value: Option<LitStr>,
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Entry> {
        let name = input.parse()?;
        let value = if input.parse::<Option<Token![=]>>()?.is_some() { Some(input.parse()?) } else { None };
        Ok(Entry { name, value })
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Options> {
        let mut options = Options { suite: SUITE.into(), timeout: None, multi_thread: false, exclusive: false };
        let mut seen: Vec<String> = Vec::new();
        for Entry { name, value } in Punctuated::<Entry, Token![,]>::parse_terminated(input)? {
            let option = name.to_string();
            match (option.as_str(), value) {
                ("suite", Some(value)) => options.suite = value.value(),
                ("timeout", Some(value)) => options.timeout = Some(duration(&value)?),
                ("flavor", Some(value)) => options.multi_thread = is_multi_thread(&value)?,
                ("exclusive", None) => options.exclusive = true,
                ("exclusive", Some(value)) => return Err(syn::Error::new(value.span(), "`exclusive` has no value")),
                ("suite" | "timeout" | "flavor", None) => {
                    return Err(syn::Error::new(name.span(), format!("`{option}` needs a value: `{option} = \"…\"`")));
                }
                _ => {
                    let text =
                        format!("there is no option `{option}`: use `suite`, `timeout`, `exclusive` or `flavor`");
                    return Err(syn::Error::new(name.span(), text));
                }
            }
            if seen.contains(&option) {
                return Err(syn::Error::new(name.span(), format!("`{option}` is given twice")));
            }
            seen.push(option);
        }
        Ok(options)
    }
}

/// Parses the durations of `e2e.yaml`: `90s`, `2m`, `1m 30s`.
fn duration(text: &LitStr) -> syn::Result<Duration> {
    let value = text.value();
    let refused = |what: &str| syn::Error::new(text.span(), format!("{value:?} is not {what}"));
    let signed: SignedDuration = value.parse().map_err(|_| refused("a duration; write it like `90s` or `2m`"))?;
    let positive = Duration::try_from(signed).ok().filter(|duration| !duration.is_zero());
    positive.ok_or_else(|| refused("a positive duration"))
}

fn is_multi_thread(text: &LitStr) -> syn::Result<bool> {
    match text.value().as_str() {
        "current_thread" => Ok(false),
        "multi_thread" => Ok(true),
        _ => Err(syn::Error::new(text.span(), "a flavor is \"current_thread\" or \"multi_thread\"")),
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn without_options_the_suite_is_the_usual_one() {
        let usual = Options { suite: SUITE.into(), timeout: None, multi_thread: false, exclusive: false };
        assert_eq!(syn::parse_str::<Options>("").unwrap(), usual);
    }

    #[test]
    fn options_stand_in_any_order() {
        let text = r#"timeout = "1m 30s", exclusive, suite = "tests/e2e.yaml", flavor = "multi_thread","#;
        let expected = Options {
            suite: "tests/e2e.yaml".into(),
            timeout: Some(Duration::from_secs(90)),
            multi_thread: true,
            exclusive: true,
        };
        assert_eq!(syn::parse_str::<Options>(text).unwrap(), expected);
    }

    #[rstest]
    #[case(r#"timeout = "half a minute""#, r#""half a minute" is not a duration; write it like `90s` or `2m`"#)]
    #[case(r#"timeout = "0s""#, r#""0s" is not a positive duration"#)]
    #[case(r#"timeout = "-3s""#, r#""-3s" is not a positive duration"#)]
    #[case("timeout", "`timeout` needs a value: `timeout = \"…\"`")]
    #[case("timeout = 30", "expected string literal")]
    #[case(r#"timeout = "1s", timeout = "2s""#, "`timeout` is given twice")]
    #[case(r#"flavor = "threads""#, "a flavor is \"current_thread\" or \"multi_thread\"")]
    #[case(r#"exclusive = "yes""#, "`exclusive` has no value")]
    #[case(r#"time_out = "1s""#, "there is no option `time_out`: use `suite`, `timeout`, `exclusive` or `flavor`")]
    fn a_wrong_option_is_refused(#[case] options: &str, #[case] expected: &str) {
        assert_eq!(syn::parse_str::<Options>(options).unwrap_err().to_string(), expected);
    }
}
