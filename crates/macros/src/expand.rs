//! The expansion of the attribute: a test without arguments that calls the library.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::{Attribute, ItemFn};

use crate::arguments::{Argument, arguments};
use crate::options::Options;

/// Expands the attribute into a test.
pub(crate) fn expand(options: TokenStream, function: TokenStream) -> syn::Result<TokenStream> {
    let options: Options = syn::parse2(options)?;
    let mut function: ItemFn = syn::parse2(function)?;
    check(&function)?;
    let arguments = arguments(&function.sig.inputs)?;

    let (attributes, visibility) = (std::mem::take(&mut function.attrs), function.vis.clone());
    function.vis = syn::Visibility::Inherited;
    let ident = &function.sig.ident;
    let call = {
        let passed = arguments.iter().map(|argument| argument.pass());
        quote!(#ident(#(#passed),*).await)
    };
    let run = if arguments.iter().copied().any(Argument::is_namespace) {
        quote!(run_in_namespace(options, |environment, namespace| async move { #call }))
    } else {
        quote!(run(options, |environment| async move { #call }))
    };
    let (name, suite) = (ident.unraw().to_string(), &options.suite);
    let timeout = match options.timeout {
        Some(timeout) => {
            let (seconds, nanos) = (timeout.as_secs(), timeout.subsec_nanos());
            quote!(::core::option::Option::Some(::core::time::Duration::new(#seconds, #nanos)))
        }
        None => quote!(::core::option::Option::None),
    };
    // The macro tells the line of the token that it is called by.
    let line = quote_spanned!(ident.span()=> ::core::line!());
    let multi_thread = options.multi_thread;
    let (exclusive, uses) = (names(options.exclusive.as_deref()), names(options.uses.as_deref()));
    // A test without arguments uses fixtures, which take the lock themselves.
    let turn = !arguments.is_empty();
    Ok(quote! {
        #(#attributes)*
        #[::core::prelude::v1::test]
        #visibility fn #ident() -> ::core::result::Result<(), ::kind_harness::__test::Failure> {
            #function

            let options = ::kind_harness::__test::Options {
                suite: #suite,
                module: ::core::module_path!(),
                name: #name,
                file: ::core::file!(),
                line: #line,
                timeout: #timeout,
                multi_thread: #multi_thread,
                turn: #turn,
                exclusive: #exclusive,
                uses: #uses,
            };
            ::kind_harness::__test::#run
        }
    })
}

/// Returns names of components as an optional slice.
fn names(names: Option<&[String]>) -> TokenStream {
    match names {
        Some(names) => quote!(::core::option::Option::Some(&[#(#names),*])),
        None => quote!(::core::option::Option::None),
    }
}

/// Rejects functions that cannot be a test in an environment.
fn check(function: &ItemFn) -> syn::Result<()> {
    let signature = &function.sig;
    let refused = |tokens: &dyn quote::ToTokens, text: &str| Err(syn::Error::new_spanned(tokens, text));
    for attribute in &function.attrs {
        match last(attribute).as_str() {
            "rstest" => return refused(attribute, "`#[rstest]` must stand above `#[kind_harness::test]`"),
            "test" => return refused(attribute, "this is a second test attribute: remove it"),
            "should_panic" => return refused(attribute, "a panic here is a failure: assert what is to fail"),
            _ => {}
        }
    }
    if signature.asyncness.is_none() {
        return refused(&signature.fn_token, "a test in an environment is async: write `async fn`");
    }
    if !signature.generics.params.is_empty()
        && signature.generics.lifetimes().count() != signature.generics.params.len()
    {
        return refused(&signature.generics, "a test has no type parameters");
    }
    Ok(())
}

fn last(attribute: &Attribute) -> String {
    attribute.path().segments.last().map(|segment| segment.ident.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn expanded(options: &str, function: &str) -> Result<String, String> {
        let tokens = expand(options.parse().unwrap(), function.parse().unwrap());
        tokens.map(|tokens| tokens.to_string()).map_err(|error| error.to_string())
    }

    /// Returns `text` as tokens are printed.
    fn tokens(text: &str) -> String {
        text.parse::<TokenStream>().unwrap().to_string()
    }

    #[test]
    fn a_test_becomes_a_function_that_calls_the_library() {
        let function =
            "/// Says what it tests.\n pub async fn it(environment: &Environment) -> anyhow::Result<()> { Ok(()) }";
        let expected = r#"
            /// Says what it tests.
            #[::core::prelude::v1::test]
            pub fn it() -> ::core::result::Result<(), ::kind_harness::__test::Failure> {
                async fn it(environment: &Environment) -> anyhow::Result<()> { Ok(()) }
                let options = ::kind_harness::__test::Options {
                    suite: "shop.yaml",
                    module: ::core::module_path!(),
                    name: "it",
                    file: ::core::file!(),
                    line: ::core::line!(),
                    timeout: ::core::option::Option::Some(::core::time::Duration::new(30u64, 0u32)),
                    multi_thread: false,
                    turn: true,
                    exclusive: ::core::option::Option::None,
                    uses: ::core::option::Option::Some(&["api", "db"]),
                };
                ::kind_harness::__test::run(options, |environment| async move { it(environment).await })
            }"#;
        let options = r#"suite = "shop.yaml", timeout = "30s", uses = ["api", "db"]"#;
        assert_eq!(expanded(options, function), Ok(tokens(expected)));
    }

    #[test]
    fn a_namespace_is_asked_for_only_where_the_test_takes_one() {
        let call = expanded("", "async fn r#try(ns: &TestNamespace, it: &Environment) {}").unwrap();
        let expected = "run_in_namespace(options, |environment, namespace|
            async move { r#try(&namespace, environment).await })";
        assert!(call.contains(&tokens(expected)), "{call}");
        assert!(call.contains(&tokens(r#"name: "try""#)), "{call}");
    }

    #[rstest]
    #[case("fn it() {}", "a test in an environment is async: write `async fn`")]
    #[case("#[rstest] async fn it(#[case] number: i32) {}", "`#[rstest]` must stand above `#[kind_harness::test]`")]
    #[case("#[tokio::test] async fn it() {}", "this is a second test attribute: remove it")]
    #[case("#[should_panic] async fn it() {}", "a panic here is a failure: assert what is to fail")]
    #[case("async fn it<T>() {}", "a test has no type parameters")]
    fn what_cannot_be_a_test_is_refused(#[case] function: &str, #[case] expected: &str) {
        assert_eq!(expanded("", function), Err(expected.to_owned()));
    }
}
