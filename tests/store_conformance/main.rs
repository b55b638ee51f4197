//! What the store promises, as one list of behaviours that is run against SQLite and against Postgres.
//!
//! Postgres: `TEST_POSTGRES_URL` names a server on which databases may be made; each behaviour has one of its own. Without
//! it these tests say that they did not run, or fail when `ARGUS_TEST_REQUIRE_POSTGRES=1`.

#![expect(clippy::unwrap_used, reason = "in a test a failed unwrap is the failure")]

mod audit;
mod claims;
mod connections;
mod directory;
mod expiring;
mod fairness;
mod isolation;
mod kept_answers;
mod life;
mod list_readings;
mod long_operations;
mod objects;
mod operations;
mod records;
mod resealing;
mod row_security;
mod storm;
mod tampering;
mod teams_account;
mod versions;
mod workers;
mod world;
mod zone_targets;
mod zones;

macro_rules! behaviours {
    ($($module:ident { $($name:ident)* })*) => {
        mod sqlite {
            $(mod $module { $(#[tokio::test] async fn $name() {
                let world = crate::world::World::sqlite().await;
                world.run(crate::$module::$name(&world)).await;
            })* })*
        }
        mod postgres {
            $(mod $module { $(#[tokio::test] async fn $name() {
                let Some(world) = crate::world::World::postgres().await else { return };
                world.run(crate::$module::$name(&world)).await;
            })* })*
        }
    };
}

behaviours! {
    workers {
        who_stood_still_loses_its_leases_and_who_moved_keeps_them
        who_stopped_in_order_is_forgotten
    }
    teams_account {
        one_replica_at_a_time_asks_for_the_next_token
        a_token_that_is_rotated_late_is_refused
        a_lost_account_keeps_no_token
        a_sign_in_is_asked_about_by_one_replica_and_ends_once
        an_account_goes_with_its_connection_and_is_nobody_elses
    }
    tampering {
        a_hole_wider_than_a_page_is_found_and_what_lies_behind_it_is_read
        a_thousand_falsified_trails_are_all_found
        a_trail_written_anew_is_sound_in_itself_and_found_against_its_checkpoint
        an_entry_that_cannot_be_read_is_named_among_those_that_can
        an_erased_person_is_gone_and_the_chain_holds
    }
    zone_targets {
        a_zone_target_is_kept_replaced_and_removed
        another_directory_makes_a_zone_target_meaningless
        another_target_makes_every_zone_due_and_queues_its_publication
    }
    list_readings {
        a_reading_is_kept_page_by_page_and_goes_on_where_it_stopped
        items_are_found_by_their_key_and_by_their_id_each_once
        a_reading_of_any_size_is_asked_and_forgotten
    }
    zones {
        zones_given_with_a_publication_are_kept_with_it
        zones_are_gone_through_in_the_order_of_their_ids
        zones_are_claimed_by_name_and_never_from_under_a_lease
        a_publication_keeps_the_loop_away_until_it_lets_go
        a_value_belongs_to_the_first_zone_that_wants_it
        replicas_that_take_one_value_at_once_agree_on_its_zone
    }
    long_operations {
        an_operation_is_followed_from_the_queue_to_its_end
        one_operation_of_a_kind_runs_at_a_time_in_an_organisation
        replicas_that_claim_at_once_get_one_operation_between_them
        an_operation_whose_runner_died_is_taken_over_and_its_late_words_are_refused
        an_operation_put_back_waits_for_its_instant
        changes_told_again_stand_once_and_are_read_in_order
        what_waits_for_approval_runs_again_or_never
        operations_are_listed_newest_first_by_kind_and_state
    }
    versions {
        a_higher_version_becomes_what_is_wanted
        the_same_version_with_the_same_data_is_a_duplicate
        the_same_version_with_other_data_is_audited_and_not_applied
        a_lower_version_changes_nothing
        arrivals_of_one_batch_are_applied_in_order
        a_newer_version_starts_anew_after_failures
        an_arrival_without_a_target_keeps_the_one_that_was_known
        a_rejected_event_is_kept_once_however_often_it_comes
        a_batch_of_any_size_is_taken_in_whole
        a_nul_in_a_text_stops_nothing
    }
    claims {
        nothing_is_claimed_without_a_usable_connection
        a_busy_organisation_does_not_starve_another
        every_target_has_its_turn
        more_organisations_than_a_statement_takes_are_all_served
        a_target_is_never_worked_on_by_more_than_it_bears
        the_longest_due_of_a_target_comes_first
        a_hold_is_respected_until_it_is_over
        the_later_of_two_holds_wins
        an_expired_lease_is_taken_over_with_doubt
        the_doubt_stays_until_somebody_looked
        a_kind_that_nobody_asked_for_stays
        a_claim_comes_with_what_is_known
        claims_at_the_same_time_share_nothing
        the_next_due_instant_heeds_leases_waits_and_holds
        the_backlog_counts_what_waits
        four_at_a_time_for_a_mailbox_holds_over_replicas_and_reassignment
    }
    fairness {
        a_quiet_organisation_is_served_at_once_beside_ten_thousand_items_of_another
        ten_thousand_items_of_a_disabled_connection_are_not_claimed_and_cost_no_other_its_turn
        an_organisation_with_its_share_is_passed_over_and_the_next_gets_what_is_free
        what_is_due_next_is_found_fast_beside_ten_thousand_items_of_mailboxes_that_wait
    }
    records {
        a_settled_object_is_left_alone
        settling_an_older_version_leaves_the_newer_due
        a_newer_version_during_a_lease_waits_for_its_end
        a_retry_waits_and_counts
        a_wait_the_server_asked_for_does_not_count
        an_unknown_outcome_is_shown
        a_retry_that_was_overtaken_is_due_at_once
        a_dead_object_has_one_letter_the_newest
        a_letter_says_when_it_first_failed
        settling_takes_the_letter_away
        a_dead_end_that_was_overtaken_leaves_no_letter
        a_released_object_is_due_and_its_attempt_not_counted
        a_worker_without_its_lease_changes_nothing_but_doubt
        doubt_outlives_the_lease_of_another_worker
        progress_on_an_unknown_object_is_lost
        places_come_and_go_and_generations_only_rise
        many_records_at_once_all_land
        only_lost_leases_are_reported_when_extending
        outgoing_events_wait_in_order_until_published
    }
    connections {
        a_connection_is_kept_and_read_back
        putting_over_an_unexpected_row_is_a_conflict
        a_conflict_does_not_disturb_its_neighbours
        numbers_outlive_the_connection
        a_new_epoch_forgets_places_holds_and_leases
        a_new_credential_keeps_places_and_holds_and_wakes_what_waits
        leaving_disabled_wakes_what_waits
        a_state_is_changed_once_and_only_of_the_same_connection
        a_test_is_kept
        a_probe_is_planned_once_taken_once_and_forgotten_with_the_state
    }
    resealing {
        a_connection_is_re_sealed_only_as_it_was_read
        a_refresh_token_is_re_sealed_only_as_it_was_read
    }
    expiring {
        a_threshold_is_written_down_once_and_only_nearer_ones_after_it
        another_credential_is_warned_of_anew_and_the_old_one_no_more
    }
    audit {
        a_chain_of_any_length_is_intact
        entries_are_counted_over_all_chains
        appending_at_the_same_time_makes_no_forks
        personal_facts_are_shown_until_erased_and_the_chain_holds
        the_trail_is_paged_and_filtered
        changes_are_refused
        tampering_by_the_owner_is_found
        a_changed_personal_fact_is_found
    }
    objects {
        objects_are_paged_by_key
        blocked_is_derived_from_the_connection
        dead_letters_are_paged_newest_first
        dead_letters_are_counted_by_capability
        a_foreign_cursor_is_refused
    }
    operations {
        what_is_paused_is_not_claimed_and_shown_as_blocked
        resuming_makes_everything_due_at_once
        a_pause_is_one_organisations_and_one_capabilitys
        a_replayed_delivery_starts_anew
        a_delivery_that_is_not_dead_any_more_is_not_replayed
        how_often_an_object_was_replayed_outlives_its_letter
        a_replayed_event_never_overwrites_a_newer_version
        a_replayed_event_becomes_what_is_wanted_and_its_letter_goes
        an_event_that_still_cannot_be_read_is_counted
        letters_of_another_organisation_are_not_found
        a_discarded_letter_is_gone_and_its_object_stays
        claims_that_end_without_a_word_are_counted
        a_word_in_between_or_a_newer_version_ends_the_count
        what_is_taken_in_again_is_looked_at_before_anything_is_done
    }
    directory {
        people_are_paged_by_object_id
        people_are_found_by_status_and_department_and_both
        a_search_finds_every_word_anywhere_and_takes_signs_as_letters
        groups_are_read_for_many_people_at_once
        a_mapping_gives_its_role_through_nested_groups_and_circles
        each_change_of_somebodys_roles_is_told_and_audited_once
        a_group_that_nobody_has_seen_can_be_mapped
        mappings_set_at_the_same_time_all_stand
        an_organisation_sees_and_maps_its_own_directory_alone
    }
    isolation {
        an_organisation_sees_nothing_of_another
        an_organisation_changes_nothing_of_another
    }
    row_security {
        a_statement_without_its_organisation_reaches_nothing_of_anybody_elses
        every_table_with_an_organisation_is_secured_by_the_end_of_a_migration
        the_service_changes_neither_the_trail_nor_the_schema
        an_auditor_reads_the_trail_alone
        the_service_knows_whether_it_is_held
    }
    kept_answers {
        a_repeated_request_is_answered_as_before_until_a_day_is_over
        of_requests_at_once_one_runs
        another_request_under_the_same_key_is_told_so
        keys_are_each_callers_own
        a_runner_that_is_gone_is_taken_over_and_its_late_answer_dropped
        what_was_given_back_runs_again
        old_answers_are_forgotten
    }
    storm {
        replicas_that_work_at_once_end_in_the_same_place
    }
    life {
        migrating_again_is_harmless
        both_stores_have_the_same_tables_and_columns
        what_was_committed_is_there_after_reopening
        a_closed_store_refuses_work
        the_check_notices_a_missing_schema
    }
}
