//! `--listen`: the page beside the agent.
//!
//! In: an address, a token's file. Out: a thread of its own that serves the page as long as the process lives.
//! Invariant: an address that cannot be had is said before anything is read. Does not touch what the agent does.

use std::error::Error;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use crate::config::Config;
use crate::metrics::Counters;
use crate::store::Store;
use crate::web::{self, Web};

/// Where the page is served.
#[derive(clap::Args)]
pub(super) struct ListenOption {
    /// Serve the issues as a page, with /healthz, /readyz and /metrics, at this address: 127.0.0.1:9271
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<SocketAddr>,
    /// File with the token that who asks must show; needed beyond this machine
    #[arg(long, value_name = "FILE", requires = "listen")]
    listen_token_file: Option<PathBuf>,
}

impl ListenOption {
    /// Begins to serve the page of the store in `state_dir`, where that was asked for.
    ///
    /// # Errors
    /// The address is refused, the token cannot be read, or the store cannot be opened.
    pub(super) fn start(
        &self,
        state_dir: &Path,
        config: &Config,
        counters: &Arc<Counters>,
        ready: &Arc<AtomicBool>,
    ) -> Result<(), Box<dyn Error>> {
        let Some(address) = self.listen else { return Ok(()) };
        let token = self.listen_token_file.as_deref().map(token).transpose()?;
        let store = Store::open_shared(state_dir)?.with(config.store.clone(), config.dedupe.clone());
        let web = Arc::new(Web::new(store, Arc::clone(counters), Arc::clone(ready), token));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = runtime.block_on(web::bind(address, &web))?;
        tracing::info!("the page is at http://{}/", listener.local_addr()?);
        thread::Builder::new().name("page".to_owned()).spawn(move || {
            if let Err(error) = runtime.block_on(web::serve(listener, web, std::future::pending())) {
                tracing::error!("the page is no longer served: {error}");
            }
        })?;
        Ok(())
    }
}

fn token(path: &Path) -> Result<String, Box<dyn Error>> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {}", path.display(), super::reason(&error)))?;
    match text.trim() {
        "" => Err(format!("{}: the token is empty; write one into it", path.display()).into()),
        token => Ok(token.to_owned()),
    }
}
