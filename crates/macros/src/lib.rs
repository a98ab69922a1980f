//! The attribute `#[kind_harness::test]`. The crate `kind-harness` re-exports and documents it.

mod arguments;
mod expand;
mod options;

use proc_macro::TokenStream;

/// Runs an async test in an environment.
#[proc_macro_attribute]
pub fn test(options: TokenStream, function: TokenStream) -> TokenStream {
    expand::expand(options.into(), function.into()).unwrap_or_else(syn::Error::into_compile_error).into()
}
