//! When the nodes of a cluster accept images, which is long before its API server answers.

use std::sync::{Arc, Mutex, PoisonError};

use futures::FutureExt;
use futures::future::{BoxFuture, Shared};
use tokio::sync::watch;

use super::{ImageError, Nodes};

/// What is known of the nodes of a cluster.
#[derive(Debug, Clone, Copy, Default)]
struct NodesState {
    /// Counts boots: one that fails is followed by another, with other nodes.
    boot: u32,
    /// Whether its nodes accept images.
    accept: bool,
    /// Whether its nodes are not replaced any more.
    certain: bool,
}

/// Tells [`NodesUp`] when nodes accept images. Loading fails if it is dropped before that is certain.
#[derive(Debug)]
pub struct NodesSignal(watch::Sender<NodesState>);

impl NodesSignal {
    /// Reports that the nodes accept images, and may still be replaced.
    pub fn accept(&self) {
        self.0.send_modify(|state| state.accept = true);
    }

    /// Reports that the nodes are replaced by others, which do not accept images yet.
    pub fn replaced(&self) {
        self.0.send_modify(|state| *state = NodesState { boot: state.boot + 1, ..NodesState::default() });
    }

    /// Reports that the nodes accept images, and are not replaced any more.
    pub fn certain(self) {
        self.0.send_modify(|state| (state.accept, state.certain) = (true, true));
    }
}

type Found = Result<Option<Nodes>, Arc<ImageError>>;
type Finding = Shared<BoxFuture<'static, Found>>;

/// The nodes of a cluster, once they accept images.
#[derive(Clone)]
pub struct NodesUp {
    state: watch::Receiver<NodesState>,
    find: Arc<dyn Fn() -> BoxFuture<'static, Found> + Send + Sync>,
    /// The nodes of the last boot, which are looked for once.
    found: Arc<Mutex<Option<(u32, Finding)>>>,
}

impl std::fmt::Debug for NodesUp {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NodesUp").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

impl NodesUp {
    /// Returns the nodes that `find` returns once they accept images, and how that is reported. `find` returns `None`
    /// when images are not loaded into this cluster.
    #[must_use]
    pub fn new(find: impl Fn() -> BoxFuture<'static, Found> + Send + Sync + 'static) -> (NodesSignal, NodesUp) {
        let (signal, state) = watch::channel(NodesState::default());
        (NodesSignal(signal), NodesUp { state, find: Arc::new(find), found: Arc::default() })
    }

    /// Waits until nodes accept images. Returns the number of their boot, and the nodes.
    pub(super) async fn accepting(&mut self) -> Result<(u32, Option<Nodes>), Arc<ImageError>> {
        // The error of who dropped the signal is reported there.
        let state = self.state.wait_for(|state| state.accept).await.map(|state| *state);
        let boot = state.map_err(|_| Arc::new(ImageError::Abandoned))?.boot;
        let finding = {
            let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
            match &*found {
                Some((of, finding)) if *of == boot => finding.clone(),
                _ => found.insert((boot, (self.find)().shared())).1.clone(),
            }
        };
        Ok((boot, finding.await?))
    }

    /// Waits until it is certain whether the nodes of `boot` are replaced; returns whether they stay.
    pub(super) async fn stay(&mut self, boot: u32) -> Result<bool, Arc<ImageError>> {
        let state = self.state.wait_for(|state| state.certain || state.boot != boot).await.map(|state| *state);
        Ok(state.map_err(|_| Arc::new(ImageError::Abandoned))?.boot == boot)
    }
}

#[cfg(test)]
mod tests {
    use futures::poll;
    use std::pin::pin;

    use super::*;

    #[tokio::test]
    async fn nodes_that_are_replaced_are_looked_for_again() {
        let (signal, mut up) = NodesUp::new(|| async { Ok(None) }.boxed());
        assert!(poll!(pin!(up.accepting())).is_pending());
        signal.accept();
        assert_eq!(up.accepting().await.unwrap().0, 0);
        assert!(poll!(pin!(up.stay(0))).is_pending(), "not certain yet");
        signal.replaced();
        assert!(!up.stay(0).await.unwrap());
        assert!(poll!(pin!(up.accepting())).is_pending(), "the next ones do not accept images yet");
        signal.certain();
        assert_eq!(up.accepting().await.unwrap().0, 1);
        assert!(up.stay(1).await.unwrap());
    }

    #[tokio::test]
    async fn nodes_that_never_come_are_not_awaited() {
        let (signal, mut up) = NodesUp::new(|| async { Ok(None) }.boxed());
        signal.accept();
        up.accepting().await.unwrap();
        drop(signal);
        assert!(matches!(*up.stay(0).await.unwrap_err(), ImageError::Abandoned));
    }
}
