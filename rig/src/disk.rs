//! A disk that takes as long as a test likes.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

/// The source of a library that stands before libc's `fdatasync`, and waits there as long as a file
/// exists.
const SHIM: &str = r#"
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>
int fdatasync(int file) {
    while (access(getenv("RIG_DISK_HELD"), F_OK) == 0) usleep(10000);
    return syscall(SYS_fdatasync, file);
}
"#;

/// The disk of a server, whose `fdatasync` can be held up while writes go on.
pub struct Disk {
    library: PathBuf,
    held: PathBuf,
}

impl Disk {
    /// Compiles the shim in a folder of the server.
    pub(crate) fn new(folder: &Path) -> Self {
        let (source, library) = (folder.join("disk.c"), folder.join("disk.so"));
        fs::write(&source, SHIM).expect("a folder that can be written to");
        let compiled = Command::new("cc")
            .args(["-shared", "-fPIC", "-o"])
            .args([&library, &source])
            .status()
            .expect("cc starts");
        assert!(compiled.success(), "cc compiles the shim");
        Self {
            library,
            held: folder.join("held"),
        }
    }

    pub(crate) fn env(&self) -> [(String, String); 2] {
        let text = |path: &Path| path.display().to_string();
        [
            ("LD_PRELOAD".into(), text(&self.library)),
            ("RIG_DISK_HELD".into(), text(&self.held)),
        ]
    }

    /// Holds up the disk: no write reaches it from now on.
    pub fn hold(&self) {
        fs::write(&self.held, "").expect("a folder that can be written to");
    }

    /// Lets writes reach the disk again.
    pub fn release(&self) {
        fs::remove_file(&self.held).expect("it is held");
    }
}
