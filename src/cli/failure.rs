//! Owns how a command ends when it did not do what was asked: by what the caller can do, with its exit code.

use crate::app::AppError;
use crate::engine::OpenError;
use crate::journal::file;

/// Why a command did not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The answer is no: something was checked and found wrong.
    #[error("{0}")]
    No(String),
    /// The arguments are wrong in a way that only running shows.
    #[error("{0}")]
    Usage(String),
    /// The directory or a file cannot be used.
    #[error("{0}")]
    Directory(String),
    /// The running server refused.
    #[error("{0}")]
    Refused(String),
    /// A fault of this program.
    #[error("{0}")]
    Internal(String),
    /// Nobody reads the output any more (`careflow export | head`): nothing is left to do.
    #[error("the output was closed")]
    Closed,
}

impl Failure {
    /// The process's exit code.
    pub const fn code(&self) -> u8 {
        match self {
            Self::Closed => 0,
            Self::No(_) => 1,
            Self::Usage(_) => 2,
            Self::Directory(_) => 3,
            Self::Refused(_) => 4,
            // EX_SOFTWARE of sysexits.h
            Self::Internal(_) => 70,
        }
    }
}

/// What could not be written to standard output.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        match error.kind() {
            std::io::ErrorKind::BrokenPipe => Self::Closed,
            _ => Self::Directory(format!("the output cannot be written: {error}")),
        }
    }
}

impl From<AppError> for Failure {
    fn from(error: AppError) -> Self {
        let text = error.to_string();
        match error {
            AppError::Definitions(_) | AppError::Engine(OpenError::Changed(_)) => Self::No(text),
            AppError::Journal(_)
            | AppError::Read(_)
            | AppError::Index(_)
            | AppError::Engine(_)
            | AppError::File { .. } => Self::Directory(text),
            AppError::Program(_) => Self::Internal(text),
        }
    }
}

impl From<file::OpenError> for Failure {
    fn from(error: file::OpenError) -> Self {
        AppError::from(error).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_no_failure() {
        let closed = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(Failure::from(closed).code(), 0);
        let full = std::io::Error::from(std::io::ErrorKind::StorageFull);
        assert_eq!(Failure::from(full).code(), 3);
    }

    #[test]
    fn wrong_definitions_are_an_answer_and_a_missing_directory_is_not() {
        assert_eq!(Failure::from(AppError::Definitions(Default::default())).code(), 1);
        assert_eq!(Failure::from(AppError::Engine(OpenError::Changed("x".into()))).code(), 1);
        let missing = AppError::File { path: "x".into(), reason: "is not there".into() };
        assert_eq!(Failure::from(missing).code(), 3);
        assert_eq!(Failure::from(AppError::Program("x".into())).code(), 70);
    }
}
