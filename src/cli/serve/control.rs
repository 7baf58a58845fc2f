//! Owns the control socket: made for its owner alone, gone with the server.
//!
//! # Why
//! The file's permission is the login, so the file never exists with a wider
//! one: the mask is narrowed around the making, instead of the mode after it.

use std::io::ErrorKind;
use std::path::PathBuf;

use rustix::fs::Mode;
use rustix::process::umask;
use tokio::net::UnixListener;

use crate::cli::failure::Failure;
use crate::cli::files::unusable;

/// Everything that others could do with the socket.
const NOT_OWNER: Mode = Mode::RWXG.union(Mode::RWXO).union(Mode::XUSR);

/// The socket's file; removed when this is dropped.
pub struct Control {
    path: PathBuf,
}

impl Control {
    /// Makes the socket. The caller holds the directory's lock, so that whatever lies there is left over.
    ///
    /// # Errors
    /// A path that cannot be used.
    pub fn bind(path: PathBuf) -> Result<(Self, UnixListener), Failure> {
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(unusable(&path, &error)),
            Ok(()) | Err(_) => {}
        }
        let before = umask(NOT_OWNER);
        let bound = UnixListener::bind(&path);
        umask(before);
        let listener = bound.map_err(|error| unusable(&path, &error))?;
        Ok((Self { path }, listener))
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        // A socket that stays is taken for left over by the next server.
        std::fs::remove_file(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[tokio::test]
    async fn a_leftover_socket_is_replaced_and_only_the_owner_may_open_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("control.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let (control, _listener) = Control::bind(path.clone()).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(control);
        assert!(!path.exists());
    }
}
