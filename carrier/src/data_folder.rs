//! The data folder, which nobody but its owner may read.

use std::{
    fs::{self, DirBuilder, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use rustix::fs::Mode;

/// The rights of a folder: all, for its owner alone.
const FOLDER: u32 = 0o700;
/// The rights of a file: to read and write, for its owner alone.
const FILE: u32 = 0o600;
/// The entries of the data folder that are few.
const FEW: [&str; 4] = ["carrier.db", "carrier.db-wal", "carrier.db-shm", "redis"];
/// The folder of attachments and avatars, of which there may be millions.
const MANY: &str = "files";

/// Lets what this process and its children create be for its owner alone, whichever thread does
/// it.
pub(crate) fn create_privately() {
    rustix::process::umask(Mode::RWXG | Mode::RWXO);
}

/// Makes the data folder if it is not there, and takes the rights to it and to what Carrier keeps
/// in it from all others. Entries that are not Carrier's keep their rights.
///
/// # Errors
/// Fails when the folder cannot be made, or belongs to another user.
pub(crate) fn make_private(folder: &Path) -> Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER)
        .create(folder)
        .with_context(|| format!("could not create the folder {}", folder.display()))?;
    close_all(folder).with_context(|| {
        format!(
            "could not make the folder {} private; give it to the user that Carrier runs as, or \
             set CARRIER_DATA_DIR to another folder",
            folder.display()
        )
    })
}

fn close_all(folder: &Path) -> io::Result<()> {
    for name in FEW {
        close(folder.join(name))?;
    }
    // Nobody comes past a folder that is closed. It is closed last, so that a start that was
    // interrupted is repeated.
    if fs::metadata(folder)?.permissions().mode() & 0o777 != FOLDER {
        close(folder.join(MANY))?;
        fs::set_permissions(folder, Permissions::from_mode(FOLDER))?;
    }
    Ok(())
}

/// Takes the rights to a file, or to a folder and all that is in it, from all others. Links are not
/// followed.
fn close(path: PathBuf) -> io::Result<()> {
    let mut left = vec![path];
    while let Some(path) = left.pop() {
        let kind = match fs::symlink_metadata(&path) {
            Ok(found) => found.file_type(),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        if kind.is_dir() {
            fs::set_permissions(&path, Permissions::from_mode(FOLDER))?;
            for entry in fs::read_dir(&path)? {
                left.push(entry?.path());
            }
        } else if kind.is_file() {
            fs::set_permissions(&path, Permissions::from_mode(FILE))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rights(path: &Path) -> u32 {
        fs::metadata(path)
            .expect("it is there")
            .permissions()
            .mode()
            & 0o777
    }

    #[test]
    fn a_folder_that_all_could_read_becomes_private_with_what_is_carriers() {
        let data = tempfile::tempdir().expect("a temporary folder");
        let folder = data.path().to_owned();
        let ours = [
            "carrier.db",
            "redis/appendonlydir/base.rdb",
            "files/attachments/c/hash",
        ];
        let theirs = folder.join("notes.txt");
        for path in ours
            .iter()
            .map(|name| folder.join(name))
            .chain([theirs.clone()])
        {
            fs::create_dir_all(path.parent().expect("a folder")).expect("made");
            fs::write(&path, "x").expect("written");
            fs::set_permissions(&path, Permissions::from_mode(0o644)).expect("opened");
        }
        std::os::unix::fs::symlink(&theirs, folder.join("redis/link")).expect("linked");
        fs::set_permissions(&folder, Permissions::from_mode(0o755)).expect("opened");
        make_private(&folder).expect("it is ours");
        assert_eq!(rights(&folder), FOLDER);
        assert_eq!(rights(&folder.join("files/attachments/c")), FOLDER);
        for name in ours {
            assert_eq!(rights(&folder.join(name)), FILE, "{name}");
        }
        assert_eq!(rights(&theirs), 0o644, "it is not Carrier's");

        fs::set_permissions(folder.join("carrier.db"), Permissions::from_mode(0o644))
            .expect("opened");
        make_private(&folder).expect("it is ours");
        assert_eq!(
            rights(&folder.join("carrier.db")),
            FILE,
            "in a private folder too"
        );
    }
}
