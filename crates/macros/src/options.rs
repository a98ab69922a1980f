//! The options of the attribute: `#[kind_harness::test(suite = "e2e.yaml", timeout = "30s", uses = ["api"])]`.

use std::time::Duration;

use jiff::SignedDuration;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitStr, Token, bracketed, token};

/// The default suite.
const SUITE: &str = "e2e.yaml";

/// The options of the attribute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Options {
    pub(crate) suite: String,
    pub(crate) timeout: Option<Duration>,
    pub(crate) multi_thread: bool,
    /// The components on which the test is exclusive; none for all of them.
    pub(crate) exclusive: Option<Vec<String>>,
    /// The components that the test uses, if it says so.
    pub(crate) uses: Option<Vec<String>>,
}

/// One option: `exclusive`, a name and a string, or a name and a list of strings.
struct Entry {
    name: Ident,
    value: Option<OptionValue>,
}

enum OptionValue {
    Text(LitStr),
    List(proc_macro2::Span, Vec<LitStr>),
}

impl Parse for Entry {
    fn parse(input: ParseStream<'_>) -> syn::Result<Entry> {
        let name = input.parse()?;
        if input.parse::<Option<Token![=]>>()?.is_none() {
            return Ok(Entry { name, value: None });
        }
        if !input.peek(token::Bracket) {
            return Ok(Entry { name, value: Some(OptionValue::Text(input.parse()?)) });
        }
        let list;
        let bracket = bracketed!(list in input);
        let list = Punctuated::<LitStr, Token![,]>::parse_terminated(&list)?;
        Ok(Entry { name, value: Some(OptionValue::List(bracket.span.join(), list.into_iter().collect())) })
    }
}

impl OptionValue {
    /// Returns the one string of an option that takes no list.
    fn text(self, option: &str) -> syn::Result<LitStr> {
        match self {
            OptionValue::Text(text) => Ok(text),
            OptionValue::List(span, _) => Err(syn::Error::new(span, format!("`{option}` takes one string"))),
        }
    }

    /// Returns the names of components.
    fn components(self) -> syn::Result<Vec<String>> {
        let list = match self {
            OptionValue::Text(text) => vec![text],
            OptionValue::List(_, list) => list,
        };
        let name = |text: LitStr| match text.value() {
            name if name.is_empty() => Err(syn::Error::new(text.span(), "a component has a name")),
            name => Ok(name),
        };
        list.into_iter().map(name).collect()
    }
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Options> {
        let mut options = Options::default();
        let mut seen: Vec<String> = Vec::new();
        for Entry { name, value } in Punctuated::<Entry, Token![,]>::parse_terminated(input)? {
            let option = name.to_string();
            match (option.as_str(), value) {
                ("suite", Some(value)) => options.suite = value.text(&option)?.value(),
                ("timeout", Some(value)) => options.timeout = Some(duration(&value.text(&option)?)?),
                ("flavor", Some(value)) => options.multi_thread = is_multi_thread(&value.text(&option)?)?,
                ("uses", Some(value)) => options.uses = Some(value.components()?),
                ("exclusive", None) => options.exclusive = Some(Vec::new()),
                ("exclusive", Some(value)) => {
                    let components = value.components()?;
                    if components.is_empty() {
                        let text = "name the components, or write `exclusive` alone for all of them";
                        return Err(syn::Error::new(name.span(), text));
                    }
                    options.exclusive = Some(components);
                }
                ("suite" | "timeout" | "flavor" | "uses", None) => {
                    return Err(syn::Error::new(name.span(), format!("`{option}` needs a value: `{option} = \"…\"`")));
                }
                _ => {
                    let text = format!(
                        "there is no option `{option}`: use `suite`, `timeout`, `exclusive`, `uses` or `flavor`"
                    );
                    return Err(syn::Error::new(name.span(), text));
                }
            }
            if seen.contains(&option) {
                return Err(syn::Error::new(name.span(), format!("`{option}` is given twice")));
            }
            if options.uses.is_some() && options.exclusive.as_ref().is_some_and(Vec::is_empty) {
                let text = "`exclusive` without components is about all of them, so `uses` has no meaning";
                return Err(syn::Error::new(name.span(), text));
            }
            seen.push(option);
        }
        Ok(options)
    }
}

impl Default for Options {
    fn default() -> Options {
        Options { suite: SUITE.into(), timeout: None, multi_thread: false, exclusive: None, uses: None }
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
        assert_eq!(syn::parse_str::<Options>("").unwrap(), Options::default());
    }

    #[test]
    fn options_stand_in_any_order() {
        let text = r#"timeout = "1m 30s", exclusive, suite = "tests/e2e.yaml", flavor = "multi_thread","#;
        let expected = Options {
            suite: "tests/e2e.yaml".into(),
            timeout: Some(Duration::from_secs(90)),
            multi_thread: true,
            exclusive: Some(Vec::new()),
            uses: None,
        };
        assert_eq!(syn::parse_str::<Options>(text).unwrap(), expected);
    }

    #[rstest]
    #[case(r#"exclusive = "redis""#, Some(&["redis"] as &[_]), None)]
    #[case(r#"uses = ["a"], exclusive = ["redis", "api",]"#, Some(&["redis", "api"] as &[_]), Some(&["a"] as &[_]))]
    #[case(r#"uses = []"#, None, Some(&[] as &[_]))]
    fn components_are_named_one_by_one_or_in_a_list(
        #[case] text: &str,
        #[case] exclusive: Option<&[&str]>,
        #[case] uses: Option<&[&str]>,
    ) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let expected = Options { exclusive: exclusive.map(owned), uses: uses.map(owned), ..Options::default() };
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
    #[case("exclusive = []", "name the components, or write `exclusive` alone for all of them")]
    #[case(r#"exclusive = [""]"#, "a component has a name")]
    #[case(r#"uses = "a", exclusive"#, "`exclusive` without components is about all of them, so `uses` has no meaning")]
    #[case("uses", "`uses` needs a value: `uses = \"…\"`")]
    #[case(r#"suite = ["a"]"#, "`suite` takes one string")]
    #[case(
        r#"time_out = "1s""#,
        "there is no option `time_out`: use `suite`, `timeout`, `exclusive`, `uses` or `flavor`"
    )]
    fn a_wrong_option_is_refused(#[case] options: &str, #[case] expected: &str) {
        assert_eq!(syn::parse_str::<Options>(options).unwrap_err().to_string(), expected);
    }
}
