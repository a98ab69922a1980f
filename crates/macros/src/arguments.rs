//! The arguments of a test: an environment and a namespace, recognised by their types.

use quote::quote;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::{FnArg, Token, Type};

/// An argument that the library provides.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Argument {
    /// `&Environment`.
    Environment,
    /// `TestNamespace`.
    Namespace,
    /// `&TestNamespace`.
    BorrowedNamespace,
}

impl Argument {
    /// Returns whether it is the namespace.
    pub(crate) fn is_namespace(self) -> bool {
        self != Argument::Environment
    }

    /// Returns how it is passed on. `environment` and `namespace` are the names used in the expansion.
    pub(crate) fn pass(self) -> proc_macro2::TokenStream {
        match self {
            Argument::Environment => quote!(environment),
            Argument::Namespace => quote!(namespace),
            Argument::BorrowedNamespace => quote!(&namespace),
        }
    }
}

/// Returns the arguments of a test, in order.
pub(crate) fn arguments(inputs: &Punctuated<FnArg, Token![,]>) -> syn::Result<Vec<Argument>> {
    let mut arguments: Vec<Argument> = Vec::new();
    for input in inputs {
        let FnArg::Typed(typed) = input else {
            return Err(syn::Error::new(input.span(), "a test is a function of its own, not a method"));
        };
        let argument = argument(&typed.ty).ok_or_else(|| {
            let text = "a test takes `&Environment`, and `TestNamespace` or `&TestNamespace`; for other arguments write \
                `#[rstest]` above this attribute, and mark these two with `#[ignore]`";
            syn::Error::new(typed.ty.span(), text)
        })?;
        if arguments.iter().any(|known| known.is_namespace() == argument.is_namespace()) {
            return Err(syn::Error::new(typed.ty.span(), "a test has one environment and one namespace"));
        }
        arguments.push(argument);
    }
    Ok(arguments)
}

fn argument(ty: &Type) -> Option<Argument> {
    match ty {
        // The form in which a declarative macro passes on `$ty:ty`.
        Type::Group(group) => argument(&group.elem),
        Type::Paren(paren) => argument(&paren.elem),
        Type::Reference(reference) if reference.mutability.is_none() => match last(&reference.elem)?.as_str() {
            "Environment" => Some(Argument::Environment),
            "TestNamespace" => Some(Argument::BorrowedNamespace),
            _ => None,
        },
        _ => (last(ty)? == "TestNamespace").then_some(Argument::Namespace),
    }
}

/// Returns the last segment of a type's path.
fn last(ty: &Type) -> Option<String> {
    match ty {
        Type::Group(group) => last(&group.elem),
        Type::Paren(paren) => last(&paren.elem),
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use syn::ItemFn;

    use super::*;

    fn read(list: &str) -> Result<Vec<Argument>, String> {
        let function: ItemFn = syn::parse_str(&format!("async fn test({list}) {{}}")).unwrap();
        arguments(&function.sig.inputs).map_err(|error| error.to_string())
    }

    #[rstest]
    #[case("", &[])]
    #[case("environment: &Environment", &[Argument::Environment])]
    #[case("_: &'static kind_harness::Environment", &[Argument::Environment])]
    #[case("ns: TestNamespace, env: &environment::Environment", &[Argument::Namespace, Argument::Environment])]
    #[case("env: &Environment, ns: &TestNamespace", &[Argument::Environment, Argument::BorrowedNamespace])]
    fn arguments_are_known_by_their_types(#[case] list: &str, #[case] expected: &[Argument]) {
        assert_eq!(read(list).as_deref(), Ok(expected));
    }

    #[rstest]
    #[case("environment: Environment", "a test takes `&Environment`")]
    #[case("environment: &mut Environment", "a test takes `&Environment`")]
    #[case("number: i32", "a test takes `&Environment`")]
    #[case("a: &Environment, b: &Environment", "a test has one environment and one namespace")]
    #[case("a: TestNamespace, b: &TestNamespace", "a test has one environment and one namespace")]
    fn other_arguments_are_refused(#[case] list: &str, #[case] expected: &str) {
        let told = read(list).unwrap_err();
        assert!(told.starts_with(expected), "{told}");
    }
}
