//! The undo stack.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::BoxFuture;
use thiserror::Error;
use tokio_util::sync::CancellationToken;

type Act = BoxFuture<'static, Result<(), Box<dyn std::error::Error + Send + Sync>>>;

/// What has to be undone should the run not come to a good end. Clones share one stack.
#[derive(Clone, Default)]
pub struct Undo {
    acts: Arc<Mutex<Vec<(String, Act)>>>,
    hurry: CancellationToken,
}

/// Everything that could not be undone.
#[derive(Debug, Error)]
pub struct UndoErrors(Vec<(String, Box<dyn std::error::Error + Send + Sync>)>);

impl fmt::Display for UndoErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not everything could be removed:")?;
        self.0.iter().try_for_each(|(what, error)| write!(f, "\n  {what}: {error}"))
    }
}

impl std::fmt::Debug for Undo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Undo").finish_non_exhaustive()
    }
}

impl Undo {
    /// Registers how to undo `what`, which is about to be done. `act` must not mind if it was never done.
    pub fn register<E>(&self, what: impl Into<String>, act: impl Future<Output = Result<(), E>> + Send + 'static)
    where
        E: std::error::Error + Send + Sync + 'static,
    {
        let act = act.map(|result| result.map_err(Into::into)).boxed();
        self.acts.lock().unwrap_or_else(PoisonError::into_inner).push((what.into(), act));
    }

    /// Undoes everything, last things first, and goes on when something fails.
    ///
    /// # Errors
    /// Every failure there was.
    pub async fn run(&self) -> Result<(), UndoErrors> {
        let mut errors = Vec::new();
        // Taken one by one, so that what an act registers while it runs is undone too.
        while let Some((what, act)) = self.pop() {
            if let Err(error) = act.await {
                errors.push((what, error));
            }
        }
        if errors.is_empty() { Ok(()) } else { Err(UndoErrors(errors)) }
    }

    /// Tells acts to leave out what only makes for a graceful end: those that run, and those to come.
    pub fn hurry(&self) {
        self.hurry.cancel();
    }

    /// Resolves at the second interrupt, for acts that can shorten their work.
    #[must_use]
    pub fn hurried(&self) -> CancellationToken {
        self.hurry.clone()
    }

    /// Forgets everything: the run came to a good end, and what it made shall stay.
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
