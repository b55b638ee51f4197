//! A core file would hold every credential that was opened.

use std::os::unix::process::ExitStatusExt as _;

use crate::support::{Owned, Store, World, binary, eventually, free_port};

/// The soft and the hard limit of core files, as the kernel shows them of a process.
fn core_limit(process: u32) -> Option<(String, String)> {
    let limits = std::fs::read_to_string(format!("/proc/{process}/limits")).ok()?;
    let words: Vec<_> = limits.lines().find_map(|line| line.strip_prefix("Max core file size"))?.split_whitespace().collect();
    Some(((*words.first()?).to_owned(), (*words.get(1)?).to_owned()))
}

#[tokio::test]
async fn a_process_that_is_aborted_leaves_no_core_file() {
    let world = World::start(Store::Sqlite).await;
    let folder = world.folder.path().join("here");
    std::fs::create_dir(&folder).unwrap();
    let settings = world.folder.path().join("settings.toml");
    let port = free_port();
    std::fs::write(&settings, world.settings(port)).unwrap();
    // Started by a shell that allows core files of any size.
    let ours = binary();
    let mut shell = std::process::Command::new("sh");
    shell.env_clear().current_dir(&folder).args(["-c", "ulimit -c unlimited 2>/dev/null; exec \"$0\" \"$@\""]);
    shell.arg(ours.get_program()).arg("--config").arg(&settings).arg("serve");
    let mut process = Owned::spawn(&mut shell, Some(&world.folder.path().join("aborted.log")));
    eventually("it serves", async || {
        world.http.get(format!("http://127.0.0.1:{port}/healthz")).send().await.ok()?.status().is_success().then_some(())
    })
    .await;
    assert_eq!(core_limit(process.id()), Some(("0".into(), "0".into())));
    process.signal("ABRT");
    let status = eventually("it ends", async || process.ended()).await;
    assert_eq!((status.signal(), status.core_dumped()), (Some(6), false));
    let left: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert!(left.is_empty(), "{left:?}");
    world.abandon().await;
}
