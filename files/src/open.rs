//! Opening a store: a folder, or a bucket of S3.

use std::{
    env,
    io::ErrorKind,
    path::{Path as Folder, PathBuf},
    sync::Arc,
    thread,
    time::Duration,
};

use bytes::Bytes;
use fair::Turns;
use object_store::{
    ClientConfigKey, ObjectStore, ObjectStoreExt, RetryConfig,
    aws::{AmazonS3Builder, AmazonS3ConfigKey},
    local::LocalFileSystem,
    path::Path,
    prefix::PrefixStore,
};
use tokio::sync::Semaphore;
use url::Url;
use uuid::Uuid;

use crate::{Error, OpenError};

/// The number of uploads that go into the store at the same time: each holds
/// [`PART`](crate::put::PART) bytes.
const UPLOADS: usize = 16;
/// The number of pictures that are decoded at the same time, if there are cores enough: each may
/// take twice [`MAX_MEMORY`](crate::picture::MAX_MEMORY).
const PICTURES: usize = 4;
/// The most pictures that wait for their turn, of one account and of all.
pub(crate) const WAITING: (usize, usize) = (128, 1024);

/// The files of an installation. A clone is the same store, and shares the bounds on what goes on
/// at the same time.
#[derive(Clone, Debug)]
pub struct Files {
    pub(crate) store: Arc<dyn ObjectStore>,
    /// The folder in which uploads wait until they are whole.
    pub(crate) spool: Arc<Folder>,
    /// The permits of uploads that go into the store.
    pub(crate) uploads: Arc<Semaphore>,
    /// The turns of pictures that are decoded.
    pub(crate) pictures: Turns,
    /// The account whose turns they are; empty for none.
    pub(crate) who: Arc<str>,
    /// The bytes of the disk that no upload takes.
    pub(crate) min_free: u64,
    /// True when photos keep their metadata.
    pub(crate) keeps_metadata: bool,
}

impl Files {
    /// Opens a folder, or, if `location` is as
    /// `s3://bucket/prefix?endpoint=https://s3.example.org&region=eu-1`, any server that speaks S3.
    /// Prefix, endpoint and region may be left out; settings that the location does not have,
    /// above all the credentials, come from the usual variables (`AWS_ACCESS_KEY_ID`,
    /// `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, ...). No request is sent yet: see [`Self::check`].
    ///
    /// With S3, uploads wait in the system's folder for temporary files (`TMPDIR`), which should be
    /// on a disk.
    ///
    /// # Errors
    /// [`OpenError`] when the location is neither, or the folder cannot be made.
    pub fn open(location: &str) -> Result<Self, OpenError> {
        match location.split_once("://") {
            Some(("s3", _)) => Self::s3(location, AmazonS3Builder::from_env()),
            Some(_) => Err(wrong(location, "only s3:// is understood")),
            None => Self::folder(Folder::new(location)),
        }
    }

    /// Opens a folder, which is made if it is not there, for its owner only. Uploads wait in it
    /// too, without a name.
    ///
    /// # Errors
    /// [`OpenError`] when the folder cannot be made.
    pub fn folder(folder: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let folder = folder.into();
        if let Err(cause) = make(&folder) {
            return Err(OpenError::Folder { folder, cause });
        }
        // An upload that was acknowledged must outlive a power cut, and an empty file under the
        // name of a full one would be taken for it for ever.
        let store = LocalFileSystem::new_with_prefix(&folder)
            .map(|store| store.with_fsync(true).with_automatic_cleanup(true));
        let store = store.map_err(|cause| OpenError::Store {
            location: folder.display().to_string(),
            cause,
        })?;
        Ok(Self::over(Arc::new(store), folder))
    }

    /// Opens a bucket of S3; `builder` has the settings that the location does not have.
    pub(crate) fn s3(location: &str, mut builder: AmazonS3Builder) -> Result<Self, OpenError> {
        install_tls();
        let url = Url::parse(location).map_err(|error| wrong(location, &error.to_string()))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(wrong(
                "s3://",
                "credentials belong in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            ));
        }
        let bucket = url
            .host_str()
            .filter(|bucket| !bucket.is_empty())
            .ok_or_else(|| wrong(location, "the bucket is missing"))?;
        let retry = RetryConfig {
            max_retries: 3,
            retry_timeout: Duration::from_secs(20),
            ..RetryConfig::default()
        };
        // The bound is on silence, not on the whole: a large file to a slow reader takes its time.
        builder = builder
            .with_config(AmazonS3ConfigKey::Client(ClientConfigKey::Timeout), "1 day")
            .with_config(
                AmazonS3ConfigKey::Client(ClientConfigKey::ReadTimeout),
                "30 seconds",
            )
            .with_retry(retry)
            .with_bucket_name(bucket);
        for (key, value) in url.query_pairs() {
            builder = match &*key {
                "endpoint" => builder
                    .with_endpoint(&*value)
                    .with_allow_http(value.starts_with("http://")),
                "region" => builder.with_config(AmazonS3ConfigKey::Region, &*value),
                _ => return Err(wrong(location, &format!("{key:?} is not understood"))),
            };
        }
        let store = builder.build().map_err(|cause| OpenError::Store {
            location: location.to_owned(),
            cause,
        })?;
        let prefix =
            Path::from_url_path(url.path()).map_err(|error| wrong(location, &error.to_string()))?;
        Ok(Self::over(
            Arc::new(PrefixStore::new(store, prefix)),
            env::temp_dir(),
        ))
    }

    fn over(store: Arc<dyn ObjectStore>, spool: PathBuf) -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self {
            store,
            spool: spool.into(),
            uploads: Arc::new(Semaphore::new(UPLOADS)),
            pictures: Turns::new(cores.min(PICTURES), WAITING.0, WAITING.1),
            who: "".into(),
            min_free: 0,
            keeps_metadata: false,
        }
    }

    /// Returns the same files, in which photos that are stored from now on keep their metadata, or
    /// do not.
    pub fn keeping_metadata(self, keeps_metadata: bool) -> Self {
        Self {
            keeps_metadata,
            ..self
        }
    }

    /// Returns the same files for an account, whose pictures take turns with those of others.
    pub fn for_account(&self, who: &str) -> Self {
        Self {
            who: who.into(),
            ..self.clone()
        }
    }

    /// Returns the same files, which take no upload while the disk has fewer free bytes.
    pub fn with_min_free(self, min_free: u64) -> Self {
        Self { min_free, ..self }
    }

    /// Spools, writes, reads and deletes a few bytes, as a real upload would.
    ///
    /// # Errors
    /// An [`Error`] when any of it fails; its message is one line.
    pub async fn check(&self) -> Result<(), Error> {
        self.spool_file().await?;
        let probe = Path::from(format!("probe-{}", Uuid::now_v7()));
        let bytes = Bytes::from_static(b"Carrier looks whether it can write here.");
        self.store.put(&probe, bytes.clone().into()).await?;
        let read = self.store.get(&probe).await?.bytes().await?;
        self.store.delete(&probe).await?;
        if read == bytes {
            Ok(())
        } else {
            Err(Error::Forgetful)
        }
    }
}

/// Makes ring the process's provider of TLS, unless another was chosen before. S3 needs one, and so
/// does every other client of `reqwest` in the process, since `reqwest` is built without a provider
/// of its own.
pub fn install_tls() {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

fn wrong(location: &str, reason: &str) -> OpenError {
    OpenError::Location {
        location: location.to_owned(),
        reason: reason.to_owned(),
    }
}

fn make(folder: &Folder) -> std::io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)?;
    if folder.is_dir() {
        Ok(())
    } else {
        Err(ErrorKind::NotADirectory.into())
    }
}
