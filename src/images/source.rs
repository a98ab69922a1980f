//! Where images come from: `auto` probes once.

use std::time::Duration;

use crate::config::ImageSource;

/// The manifest endpoint of the registry that kind's node image and most components' images come from. Any HTTP answer,
/// "unauthorized" included, means that it can be reached.
const PROBE: &str = "http://registry-1.docker.io/v2/";

/// How long the registry may take to answer. Nobody wants to pull through a slower one either.
const PATIENCE: Duration = Duration::from_secs(2);

/// Which source was chosen, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// Never [`ImageSource::Auto`].
    pub source: ImageSource,
    /// One sentence for the person at the terminal.
    pub why: String,
}

/// Turns `auto` into one of the others; leaves the others alone.
pub async fn decide(wanted: ImageSource) -> Choice {
    match wanted {
        ImageSource::Auto => decide_by(PROBE).await,
        told => Choice { source: told, why: "as configured".into() },
    }
}

async fn decide_by(probe: &str) -> Choice {
    // Not following redirects: the answer itself is what counts, and this client speaks no TLS.
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(PATIENCE).build();
    let answer = match client {
        Ok(client) => client.get(probe).send().await,
        Err(error) => Err(error),
    };
    match answer {
        // A proxy that refuses answers too, but not as a registry does.
        Ok(response) if response.status().is_redirection() || response.status() == 401 || response.status() == 200 => {
            Choice { source: ImageSource::Registry, why: format!("{probe} answers") }
        }
        Ok(response) => {
            let why = format!("{probe} answers {}, so images are built from packages", response.status());
            Choice { source: ImageSource::Packages, why }
        }
        Err(error) => {
            let cause = crate::report::root(&error);
            let why = format!("{probe} cannot be reached ({cause}), so images are built from packages");
            Choice { source: ImageSource::Packages, why }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_is_told_is_not_probed() {
        let choice = decide(ImageSource::Registry).await;
        assert_eq!(choice.source, ImageSource::Registry);
    }

    #[tokio::test]
    async fn a_registry_that_refuses_connections_means_packages() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let probe = format!("http://{}/v2/", listener.local_addr().unwrap());
        drop(listener);
        let choice = decide_by(&probe).await;
        assert_eq!(choice.source, ImageSource::Packages);
        assert!(choice.why.contains("refused"), "{}", choice.why);
    }
}
