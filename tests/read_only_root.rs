//! As the container and the Kubernetes manifests run it: a user without rights, a working directory that cannot be written, and one
//! folder of its own.

#![expect(clippy::unwrap_used, reason = "a helper that cannot set the scene fails the test")]

mod support;

use std::{
    fs::{self, Permissions},
    os::unix::{
        fs::{MetadataExt as _, PermissionsExt as _, chown},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;
use support::{Connector, Owned, Store, World, free_port};

/// The user and group that own nothing.
const NOBODY: u32 = 65_534;

fn allow(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Regular files that a process has open for writing.
fn written(process: u32) -> Vec<PathBuf> {
    let open = fs::read_dir(format!("/proc/{process}/fd")).unwrap().filter_map(Result::ok);
    let writable = open.filter(|fd| {
        let info = fs::read_to_string(format!("/proc/{process}/fdinfo/{}", fd.file_name().to_string_lossy())).unwrap_or_default();
        let flags =
            info.lines().find_map(|line| line.strip_prefix("flags:")).and_then(|flags| u32::from_str_radix(flags.trim(), 8).ok());
        flags.is_some_and(|flags| flags & 3 != 0)
    });
    writable.filter_map(|fd| fs::read_link(fd.path()).ok()).filter(|path| path.is_file()).collect()
}

#[tokio::test]
async fn a_user_without_rights_on_a_root_that_cannot_be_written_needs_one_folder() {
    let world = World::start(Store::Sqlite).await;
    let (root, port) = (world.folder.path().to_owned(), free_port());
    let (data, empty) = (root.join("data"), root.join("empty"));
    for folder in [&data, &empty] {
        fs::create_dir(folder).unwrap();
    }
    let (settings, log, program) = (root.join(format!("{port}.toml")), root.join(format!("{port}.log")), root.join("argus-m365"));
    fs::write(&settings, world.settings(port)).unwrap();
    fs::copy(env!("CARGO_BIN_EXE_argus-m365"), &program).unwrap();
    allow(&root, 0o755);
    allow(&root.join("keyring"), 0o444);
    allow(&settings, 0o444);
    allow(&empty, 0o555);
    let mut command = Command::new(&program);
    command.env_clear().arg("--config").arg(&settings).arg("serve").current_dir(&empty);
    command.env("ARGUS_M365__DATABASE__URL", format!("sqlite://{}", data.join("store.db").display()));
    // Whoever runs the tests without being root has no more rights than that already.
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    if is_root {
        chown(&data, Some(NOBODY), Some(NOBODY)).unwrap();
        command.uid(NOBODY).gid(NOBODY);
    }
    allow(&data, 0o700);

    let connector = Connector::of_process(&world, Owned::spawn(&mut command, Some(&log)), port, log.clone()).await;
    connector.register().await;
    let event: Value = serde_json::from_str(include_str!("../examples/events/task.scheduled.json")).unwrap();
    world.publish("argus.acme.task.scheduled", &event).await;
    connector.settled("7f0c2b1e", 7).await;

    let owner = fs::metadata(format!("/proc/{}", connector.process_id())).unwrap().uid();
    assert!(!is_root || owner == NOBODY, "it runs as {owner}");
    let open = written(connector.process_id());
    assert!(open.iter().any(|file| file.starts_with(&data)), "{open:?}: the search for open files is broken");
    let elsewhere: Vec<_> = open.iter().filter(|file| !file.starts_with(&data) && **file != log).collect();
    assert!(elsewhere.is_empty(), "it writes outside its own folder: {elsewhere:?}");
    assert_eq!(fs::read_dir(&empty).unwrap().count(), 0, "something was left in the working directory");
    world.finish(connector).await;
}
