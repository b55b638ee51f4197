use secrecy::ExposeSecret;

use super::*;

const FIELDS: [&str; 3] = ["directory_id", "application_id", "credential"];

fn text(value: &str) -> SecretString {
    SecretString::from(value)
}

fn key_line(id: &str) -> String {
    Vault::generate_key(Some(id)).unwrap().expose_secret().to_owned()
}

fn organisation(name: &str) -> OrganisationId {
    OrganisationId::parse(name).unwrap()
}

fn binding<'a>(organisation: &'a OrganisationId, record: &'a str, version: u64) -> Binding<'a> {
    Binding { organisation, purpose: "connection", record, version }
}

fn seal_three(vault: &Vault, binding: &Binding<'_>) -> Sealed {
    let values = FIELDS.map(|field| text(&format!("value of {field}")));
    vault.seal(binding, &[(FIELDS[0], &values[0]), (FIELDS[1], &values[1]), (FIELDS[2], &values[2])]).unwrap()
}

#[test]
fn what_was_sealed_opens_where_it_belongs() {
    let vault = Vault::from_keyring(&text(&key_line("k1"))).unwrap();
    let acme = organisation("acme");
    let here = binding(&acme, "c1", 1);
    let sealed = seal_three(&vault, &here);
    assert_eq!(sealed.key_id, "k1");
    for (field, value) in FIELDS.iter().zip(&sealed.values) {
        let opened = vault.open(&here, &sealed.data_key, field, value).unwrap();
        assert_eq!(opened.expose_secret(), format!("value of {field}"));
    }
    let empty = vault.seal(&here, &[("credential", &text(""))]).unwrap();
    assert_eq!(vault.open(&here, &empty.data_key, "credential", &empty.values[0]).unwrap().expose_secret(), "");
}

#[test]
fn the_same_value_never_looks_the_same_twice() {
    let vault = Vault::from_keyring(&text(&key_line("k1"))).unwrap();
    let acme = organisation("acme");
    let (first, second) = (seal_three(&vault, &binding(&acme, "c1", 1)), seal_three(&vault, &binding(&acme, "c1", 1)));
    assert_ne!(first.data_key, second.data_key);
    assert_ne!(first.values, second.values);
}

/// Every value of every record against every place of every record: organisation, record, secret version, field and row.
#[test]
fn a_value_opens_in_its_own_place_and_in_no_other() {
    let vault = Vault::from_keyring(&text(&key_line("k1"))).unwrap();
    let organisations = [organisation("acme"), organisation("acme-water")];
    let mut places = Vec::new();
    for organisation in &organisations {
        for record in ["c1", "c2"] {
            for version in [1, 2] {
                for purpose in ["connection", "channel"] {
                    places.push(Binding { organisation, purpose, record, version });
                }
            }
        }
    }
    let rows: Vec<Sealed> = places.iter().map(|place| seal_three(&vault, place)).collect();
    let mut refused = 0;
    for (from, row) in rows.iter().enumerate() {
        for (source, value) in FIELDS.iter().zip(&row.values) {
            for (to, place) in places.iter().enumerate() {
                for field in FIELDS {
                    // With the data key of the row it came from, and with that of the row it was moved to.
                    for (key_of, data_key) in [(from, &row.data_key), (to, &rows[to].data_key)] {
                        let opened = vault.open(place, data_key, field, value);
                        if from == to && key_of == from && *source == field {
                            assert!(opened.is_ok(), "{from} {source}");
                        } else {
                            assert_eq!(opened.unwrap_err(), VaultError::Refused, "{from} {source} -> {to} {field}");
                            refused += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(refused, 16 * 3 * 16 * 3 * 2 - 16 * 3 * 2);
}

#[test]
fn a_value_from_another_row_with_the_same_binding_is_refused() {
    let vault = Vault::from_keyring(&text(&key_line("k1"))).unwrap();
    let acme = organisation("acme");
    let here = binding(&acme, "c1", 1);
    let (first, second) = (seal_three(&vault, &here), seal_three(&vault, &here));
    assert_eq!(vault.open(&here, &first.data_key, FIELDS[2], &second.values[2]).unwrap_err(), VaultError::Refused);
    // A wrapped data key is not a value, and a value is not a wrapped data key.
    assert_eq!(vault.open(&here, &first.data_key, FIELDS[2], &first.data_key).unwrap_err(), VaultError::Refused);
    assert!(vault.open(&here, &first.values[2], FIELDS[2], &first.values[2]).is_err());
}

#[test]
fn every_flipped_bit_and_every_cut_is_refused() {
    let vault = Vault::from_keyring(&text(&key_line("k1"))).unwrap();
    let acme = organisation("acme");
    let here = binding(&acme, "c1", 1);
    let sealed = seal_three(&vault, &here);
    let damaged = |stored: &[u8]| -> Vec<Vec<u8>> {
        let flipped = (0..stored.len() * 8).map(|bit| {
            let mut copy = stored.to_vec();
            copy[bit / 8] ^= 1 << (bit % 8);
            copy
        });
        let cut = (0..stored.len()).map(|length| stored[..length].to_vec());
        let mut longer = stored.to_vec();
        longer.push(0);
        flipped.chain(cut).chain([longer]).collect()
    };
    for value in damaged(&sealed.values[2]) {
        assert!(vault.open(&here, &sealed.data_key, FIELDS[2], &value).is_err());
    }
    for data_key in damaged(&sealed.data_key) {
        assert!(vault.open(&here, &data_key, FIELDS[2], &sealed.values[2]).is_err());
        assert!(vault.rewrap(&here, &data_key).is_err());
    }
}

#[test]
fn an_older_key_still_opens_after_a_newer_one_was_added_and_a_rewrap_moves_the_record_over() {
    let (old, new) = (key_line("old"), key_line("new"));
    let vault = Vault::from_keyring(&text(&old)).unwrap();
    let shared = vault.clone();
    let acme = organisation("acme");
    let here = binding(&acme, "c1", 1);
    let sealed = seal_three(&vault, &here);

    vault.replace_keyring(&text(&format!("{old}\n{new}\n"))).unwrap();
    assert_eq!(shared.key_ids(), ["old", "new"], "clones see the new ring");
    assert!(shared.open(&here, &sealed.data_key, FIELDS[2], &sealed.values[2]).is_ok());
    assert_eq!(seal_three(&shared, &here).key_id, "new");

    let (key_id, data_key) = vault.rewrap(&here, &sealed.data_key).unwrap();
    assert_eq!(key_id, "new");
    vault.replace_keyring(&text(&new)).unwrap();
    assert!(vault.open(&here, &data_key, FIELDS[2], &sealed.values[2]).is_ok(), "the values stayed as they were");
    let missing = vault.open(&here, &sealed.data_key, FIELDS[2], &sealed.values[2]).unwrap_err();
    assert_eq!(missing, VaultError::UnknownKey("old".into()));
}

#[test]
fn another_key_under_the_same_id_opens_nothing() {
    let acme = organisation("acme");
    let here = binding(&acme, "c1", 1);
    let sealed = seal_three(&Vault::from_keyring(&text(&key_line("k"))).unwrap(), &here);
    let other = Vault::from_keyring(&text(&key_line("k"))).unwrap();
    assert_eq!(other.open(&here, &sealed.data_key, FIELDS[0], &sealed.values[0]).unwrap_err(), VaultError::Refused);
}

#[test]
fn a_ring_that_cannot_be_read_leaves_the_old_one_in_use() {
    let vault = Vault::from_keyring(&text(&key_line("k1"))).unwrap();
    assert!(vault.replace_keyring(&text("nonsense")).is_err());
    assert_eq!(vault.key_ids(), ["k1"]);
}

#[test]
fn debug_shows_no_secret() {
    let line = key_line("k1");
    let vault = Vault::from_keyring(&text(&line)).unwrap();
    let shown = format!("{vault:?}");
    assert!(shown.contains("k1") && !shown.contains(line.trim_start_matches("k1:")), "{shown}");
    let (_, encoded) = line.split_once(':').unwrap();
    assert!(!shown.contains(&encoded[..8]), "{shown}");
}
