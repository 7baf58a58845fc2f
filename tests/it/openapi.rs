//! The OpenAPI document in strangers' hands: a validator, a linter and a generated client.
//!
//! # Why
//! That the document equals the routes says nothing about whether others can read it. So tools from
//! the public registries do, each at the version pinned in `tests/openapi/`, in an environment that
//! is made once below `target/` and again when the pins change. `cargo test` promises to need no
//! network but crates.io: without the tools these tests say so and pass, and fail where `CI` is set.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use careflow::kernel::actor::Role;
use serde_json::Value;

use crate::rig::Rig;

const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/openapi.json");
const DRIVE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/openapi/drive.py");
const REQUIREMENTS: &str = include_str!("../openapi/requirements.txt");
const PACKAGE: &str = include_str!("../openapi/package.json");
const PACKAGE_LOCK: &str = include_str!("../openapi/package-lock.json");
/// The generated package's name, which `drive.py` imports.
const CLIENT: &str = "careflow_client";
/// Ends well where the pinned packages can be installed and prints the version.
const PYTHON_FITS: &str =
    "import sys, venv, ensurepip; print(sys.version); sys.exit(sys.version_info < (3, 11))";
/// Ends well where the pinned linter runs and prints the version.
const NODE_FITS: &str = "const [a, b] = process.versions.node.split('.').map(Number); \
    console.log(process.version); process.exit(a > 22 || a == 22 && b >= 12 || a == 20 && b >= 19 ? 0 : 1)";

/// The Python that has the validator and the generator.
static PYTHON: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let why = "validating the OpenAPI document and driving a generated client need Python 3.11 or later \
        (install the packages `python3` and `python3-venv`) and PyPI";
    or_skipped(why, python())
});

/// The linter's program.
static LINTER: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let why = "linting the OpenAPI document needs Node 20.19, or 22.12 or later \
        (install the packages `nodejs` and `npm`) and the npm registry";
    or_skipped(why, linter())
});

/// Says once what is skipped.
#[expect(clippy::explicit_write, reason = "the test harness keeps what a passing test says with `eprintln!`")]
pub fn or_skipped(why: &str, found: Result<PathBuf, String>) -> Option<PathBuf> {
    match found {
        Ok(path) => Some(path),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "{why}: {error}");
            writeln!(std::io::stderr(), "skipped: {why}: {error}").unwrap();
            None
        }
    }
}

fn python() -> Result<PathBuf, String> {
    let version = run(Command::new("python3").args(["-c", PYTHON_FITS]))?;
    let folder = kept("openapi-python", &format!("{version}{REQUIREMENTS}"), |folder| {
        run(Command::new("python3").args(["-m", "venv"]).arg(folder))?;
        let pins = folder.join("requirements.txt");
        fs::write(&pins, REQUIREMENTS).unwrap();
        let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--requirement"];
        run(Command::new(folder.join("bin/python")).args(pip).arg(pins))
    })?;
    Ok(folder.join("bin/python"))
}

fn linter() -> Result<PathBuf, String> {
    let version = run(Command::new("node").args(["-e", NODE_FITS]))?;
    let folder = kept("openapi-node", &format!("{version}{PACKAGE_LOCK}"), |folder| {
        fs::write(folder.join("package.json"), PACKAGE).unwrap();
        fs::write(folder.join("package-lock.json"), PACKAGE_LOCK).unwrap();
        run(Command::new("npm")
            .args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"])
            .current_dir(folder))
    })?;
    Ok(folder.join("node_modules/.bin/redocly"))
}

/// A folder below `target/` that holds what `make` made of `pins`, now or in an earlier run.
pub fn kept(
    name: &str,
    pins: &str,
    make: impl FnOnce(&Path) -> Result<String, String>,
) -> Result<PathBuf, String> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::create_dir_all(&folder).unwrap();
    // Another run of the suite may be making it.
    let lock = File::create(folder.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let made_from = folder.join("made-from");
    if fs::read_to_string(&made_from).is_ok_and(|made| made == pins) {
        return Ok(folder);
    }
    fs::remove_dir_all(&folder).unwrap();
    fs::create_dir(&folder).unwrap();
    make(&folder)?;
    fs::write(made_from, pins).unwrap();
    Ok(folder)
}

/// What a program printed that ended well, or why it did not.
pub fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let done = command.output().map_err(|error| format!("`{program}`: {error}"))?;
    let printed =
        [done.stdout, done.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    if done.status.success() {
        Ok(printed)
    } else {
        Err(format!("`{program}` ended with {}\n{printed}", done.status))
    }
}

/// Generates the client as a package in `folder`; answers what the generator complained of, without
/// the pieces of the document that it quotes and the addresses of its objects.
fn generate(python: &Path, folder: &Path) -> Vec<String> {
    let settings = folder.join("settings.yaml");
    fs::write(&settings, "post_hooks: []\n").unwrap();
    let generator = ["-m", "openapi_python_client", "generate", "--meta", "none", "--path", DOCUMENT];
    let mut command = Command::new(python);
    command.args(generator).arg("--config").arg(settings).arg("--output-path").arg(folder.join(CLIENT));
    let printed = run(&mut command).unwrap();
    let quoted = |line: &&str| line.is_empty() || line.starts_with(['{', '}', ' ']);
    printed.lines().skip(1).filter(|line| !quoted(line)).map(without_object).collect()
}

fn without_object(line: &str) -> String {
    match (line.find('<'), line.find('>')) {
        (Some(from), Some(until)) if from < until => format!("{}<>{}", &line[..from], &line[until + 1..]),
        _ => line.to_owned(),
    }
}

#[test]
fn validator_finds_no_fault_in_the_document() {
    let Some(python) = &*PYTHON else { return };
    let validator = ["-m", "openapi_spec_validator", "--schema", "3.1"];
    let printed = run(Command::new(python).args(validator).arg(DOCUMENT)).unwrap();
    assert_eq!(printed, format!("{DOCUMENT}: OK\n"));
    // That the validator looks at all: a path's parameter that no operation declares.
    let broken = tempfile::NamedTempFile::new().unwrap();
    let document =
        fs::read_to_string(DOCUMENT).unwrap().replacen("/v1/actors/{id}", "/v1/actors/{nobody}", 1);
    fs::write(broken.path(), document).unwrap();
    let error = run(Command::new(python).args(validator).arg(broken.path())).unwrap_err();
    assert!(error.contains("nobody"), "{error}");
}

#[test]
fn linter_has_nothing_to_remark() {
    let Some(linter) = &*LINTER else { return };
    let mut command = Command::new(linter);
    command.env("REDOCLY_TELEMETRY", "off").env("REDOCLY_SUPPRESS_UPDATE_NOTICE", "true");
    let printed = run(command.args(["lint", "--extends", "recommended-strict", DOCUMENT])).unwrap();
    assert!(printed.contains("Your API description is valid"), "{printed}");
}

#[test]
fn generator_leaves_out_only_the_yaml_and_the_picture() {
    let Some(python) = &*PYTHON else { return };
    let folder = tempfile::tempdir().unwrap();
    let complaints = generate(python, folder.path());
    let left_out = |media: &str| {
        format!(
            "Cannot parse response for status code <> (Unsupported content_type {media}), \
             response will be omitted from generated client"
        )
    };
    let expected = [
        "Warning(s) encountered while generating. Client was generated, but some pieces may be missing"
            .into(),
        "WARNING parsing GET /v1/instances/{id}/diagram within instances.".into(),
        left_out("image/svg+xml"),
        "WARNING parsing GET /v1/workflows/{workflow}/definitions/{version} within workflows.".into(),
        left_out("application/yaml"),
    ];
    let (last, complaints) = complaints.split_last().expect("the generator warns");
    assert!(last.starts_with("If you believe this was a mistake"), "{last}");
    assert_eq!(complaints, expected);

    let document: Value = serde_json::from_slice(&fs::read(DOCUMENT).unwrap()).unwrap();
    let paths = document["paths"].as_object().unwrap().values();
    let operations: Vec<_> = paths.flat_map(|path| path.as_object().unwrap().values()).collect();
    assert!(operations.len() > 20, "{}", operations.len());
    for operation in operations {
        let (tag, id) = (operation["tags"][0].as_str().unwrap(), operation["operationId"].as_str().unwrap());
        let module = folder.path().join(format!("{CLIENT}/api/{tag}/{id}.py"));
        assert!(module.is_file(), "`{id}` is not in the generated client");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn generated_client_drives_the_tour() {
    let Some(python) = tokio::task::spawn_blocking(|| PYTHON.as_deref()).await.unwrap() else { return };
    let rig = Rig::wednesday().await;
    let folder = tempfile::tempdir().unwrap();
    let mut drive = Command::new(python);
    drive
        .arg(DRIVE)
        .env("PYTHONPATH", folder.path())
        .env("NO_PROXY", "*")
        .env("CAREFLOW_URL", format!("http://{}", rig.address()))
        .env("CUSTOMER", rig.token("customer-17", Role::Customer).await)
        .env("AGENT", rig.token("ann", Role::Agent).await)
        .env("AUDITOR", rig.token("olga", Role::Auditor).await);
    let driven = tokio::task::spawn_blocking(move || {
        generate(python, folder.path());
        run(&mut drive)
    });
    let printed = driven.await.unwrap().unwrap_or_else(|error| panic!("{error}"));
    let case = printed.trim_end();
    let auditor = rig.caller("olga", Role::Auditor).await;
    assert_eq!(auditor.events(case).await, ["submit", "accept", "answer", "confirm"]);
}
