//! Files with secrets that are open to others.

use std::{fs::Permissions, os::unix::fs::PermissionsExt as _};

use crate::support::{Store, World, binary, eventually};

#[tokio::test]
async fn an_open_key_ring_is_told_with_its_name_and_mode_and_a_closed_one_is_not() {
    let world = World::start(Store::Sqlite).await;
    let ring = world.folder.path().join("keyring");
    let said = async |mode: u32| {
        std::fs::set_permissions(&ring, Permissions::from_mode(mode)).unwrap();
        let connector = world.connector(&[("log.format", "json")]).await;
        let log = eventually("it logs", async || {
            std::fs::read_to_string(&connector.log).ok().filter(|log| log.contains("\"serving\""))
        })
        .await;
        let mut check = binary();
        check.arg("--config").arg(connector.log.with_extension("toml")).args(["config", "check"]);
        let checked = String::from_utf8(check.output().unwrap().stdout).unwrap();
        connector.stop().await;
        let line =
            log.lines().find(|line| line.contains("open to others") && line.contains("\"vault.keyring\"")).map(str::to_owned);
        (line, checked.contains("warning: vault.keyring: "))
    };
    let (line, checked) = said(0o644).await;
    let line: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
    assert_eq!((line["level"].as_str(), line["mode"].as_str()), (Some("WARN"), Some("0644")));
    assert_eq!((line["setting"].as_str(), line["file"].as_str()), (Some("vault.keyring"), ring.to_str()));
    assert!(checked);
    assert_eq!(said(0o400).await, (None, false));
    world.abandon().await;
}
