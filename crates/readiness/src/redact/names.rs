//! Names of variables, options and fields that hold secrets.

/// Parts of the names of environment variables whose literal values are masked.
const VARIABLES: [&str; 10] =
    ["PASSWORD", "PASSWD", "TOKEN", "KEY", "SECRET", "CREDENTIAL", "PASSPHRASE", "DSN", "AUTHORIZATION", "COOKIE"];

/// Suffixes of the names of options and fields with secret values: `--password-file` and `secretName` do not match.
const OPTIONS: [&str; 11] = [
    "password",
    "passwd",
    "passphrase",
    "token",
    "secret",
    "credential",
    "credentials",
    "apikey",
    "accesskey",
    "privatekey",
    "secretkey",
];

/// Returns whether an environment variable of that name may hold a secret.
pub fn is_secret_name(name: &str) -> bool {
    let name = name.to_uppercase();
    VARIABLES.iter().any(|part| name.contains(part))
}

/// Returns whether an option or a field of that name holds a secret: `--db-password`, `clientSecret`, `API_KEY`.
pub fn is_secret_option(name: &str) -> bool {
    let letters: String = name.chars().filter(char::is_ascii_alphanumeric).map(|c| c.to_ascii_lowercase()).collect();
    OPTIONS.iter().any(|end| letters.ends_with(end))
}
