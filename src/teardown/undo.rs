//! The undo stack.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

use crate::readiness::errors;

type Act = BoxFuture<'static, Result<(), Box<dyn std::error::Error + Send + Sync>>>;

/// The actions to run if the run fails. Clones share one stack.
#[derive(Clone, Default)]
pub struct Undo {
    acts: Arc<Mutex<Vec<(String, Act)>>>,
    hurry: CancellationToken,
}

/// All failures of undoing.
#[derive(Debug, Error)]
pub struct UndoErrors(Vec<(String, Box<dyn std::error::Error + Send + Sync>)>);

impl fmt::Display for UndoErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not everything could be removed:")?;
        self.0.iter().try_for_each(|(what, error)| write!(f, "\n  {what}: {}", errors::chain(&**error)))
    }
}

impl std::fmt::Debug for Undo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Undo").finish_non_exhaustive()
    }
}

impl Undo {
    /// Registers how to undo `what`, before it is done. `act` must succeed if it was never done.
    pub fn register<E>(&self, what: impl Into<String>, act: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let act = act.map(|result| result.map_err(Into::into)).boxed();
        self.acts.lock().unwrap_or_else(PoisonError::into_inner).push((what.into(), act));
    }

    /// Runs all actions, last registered first, and continues after failures.
    ///
    /// # Errors
    /// All failures.
    pub async fn run(&self) -> Result<(), UndoErrors> {
        let mut errors = Vec::new();
        // Popped one by one, so that actions registered meanwhile run too.
        while let Some((what, act)) = self.pop() {
            if let Err(error) = act.await {
                errors.push((what, error));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(UndoErrors(errors)) }
    }

    /// Makes running and later actions skip what only serves a graceful end.
    pub fn hurry(&self) {
        self.hurry.cancel();
    }

    /// Resolves at the second interrupt, for acts that can shorten their work.
    #[must_use]
    pub fn hurried(&self) -> CancellationToken {
        self.hurry.clone()
    }

    /// Keeps the cluster after a successful run: clears the stack without running its actions.
    pub fn keep(&self) {
        self.acts.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn pop(&self) -> Option<(String, Act)> {
        self.acts.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn last_things_first_and_every_error_told() {
        let (undo, done) = (Undo::default(), Arc::new(Mutex::new(Vec::new())));
        for (name, fails) in [("first", true), ("second", false), ("third", true)] {
            let done = done.clone();
            undo.register(name, async move {
                done.lock().unwrap().push(name);
                if fails { Err(std::io::Error::other("stuck")) } else { Ok(()) }
            });
        }
        let error = undo.run().await.unwrap_err().to_string();
        assert_eq!(error, "not everything could be removed:\n  third: stuck\n  first: stuck");
        assert_eq!(*done.lock().unwrap(), ["third", "second", "first"]);
        undo.run().await.expect("nothing is undone twice");
    }

    #[tokio::test]
    async fn who_is_in_a_hurry_need_not_wait_for_a_graceful_end() {
        let undo = Undo::default();
        let hurried = undo.hurried();
        undo.register("a", async move {
            hurried.cancelled().await;
            Ok::<_, std::io::Error>(())
        });
        let mut running = std::pin::pin!(undo.run());
        assert!((&mut running).now_or_never().is_none());
        undo.clone().hurry();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn what_is_kept_is_not_undone() {
        let undo = Undo::default();
        undo.register("a", async { Err(std::io::Error::other("must not run")) });
        undo.keep();
        undo.run().await.unwrap();
    }
}
