//! Every case there is, by room. One list in one macro, a line a case: it is read by searching, so it is not cut.

/// Turns the cases of the contract into tests. `$run` takes a case and runs it on the backend's runtime:
/// `fn(impl FnOnce(Ground) -> LocalBoxFuture<'static, ()>)`.
#[macro_export]
macro_rules! store_contract {
    ($run:path) => {
        $crate::store_contract!(@room $run, event: [
            every_field_comes_back_as_it_was_written,
            all_types_can_be_written_and_asked_for,
            events_of_one_millisecond_are_listed_by_id_newest_first,
            another_account_sees_nothing,
            filters_hold_together,
            a_user_is_found_as_subject_and_as_actor_once,
            pages_neither_repeat_nor_skip_while_newer_events_arrive,
            an_erased_context_leaves_the_event_and_its_hash,
            the_contexts_of_a_user_are_erased_in_batches,
            events_of_a_dropped_unit_are_never_seen,
            purging_goes_by_age_class_and_limit,
            parallel_appends_are_visible_when_they_return,
            appending_an_event_again_changes_nothing,
            an_append_that_is_refused_harms_no_other,
            an_append_that_is_cut_off_harms_nobody,
        ]);
        $crate::store_contract!(@room $run, event_outbox: [
            what_a_consumer_wants_waits_for_it_oldest_first_until_it_is_done,
            what_was_taken_and_not_finished_waits_again,
            an_event_that_is_appended_again_does_not_wait_again,
            of_parallel_workers_each_event_meets_one,
            a_purged_event_waits_for_nobody,
            what_waits_is_seen_without_being_taken_and_taken_by_one,
            behind_accounts_with_many_events_those_of_others_are_seen,
            the_newest_event_of_an_account_that_waits_is_found_or_a_later_one,
            consumers_beside_each_other_never_wait_in_a_circle,
        ]);
        $crate::store_contract!(@room $run, event_chain: [
            events_are_numbered_in_the_order_of_their_ids_and_late_ones_behind,
            a_link_comes_back_as_it_was_made,
            another_account_has_a_chain_of_its_own_and_sees_no_other,
            of_parallel_workers_each_event_meets_one,
            what_others_have_numbered_is_not_numbered_again,
            a_dropped_unit_numbers_nothing,
            a_unit_cut_off_anywhere_leaves_no_hole,
            pages_of_a_chain_go_by_number_and_filters_leave_links_alone,
            what_waits_is_found_page_by_page_and_so_is_its_end,
            a_purged_event_leaves_its_link,
            links_go_from_the_start_alone_by_age_and_limit,
            an_ended_account_loses_its_chain_and_gets_no_further_numbers,
        ]);
        $crate::store_contract!(@room $run, event_counts: [
            filters_of_the_list_are_those_of_the_count,
            intervals_begin_on_the_minute_the_hour_and_the_day,
            groups_are_told_by_their_value_and_the_largest_come_first,
            different_ids_are_counted_once,
            of_groups_the_hundred_largest_are_counted,
        ]);
        $crate::store_contract!(@room $run, api_key: [
            every_field_comes_back_as_it_was_written,
            what_authenticates_is_what_was_written,
            another_account_sees_and_changes_nothing,
            a_write_with_a_stale_version_changes_nothing,
            a_removed_key_is_gone,
            of_parallel_rotations_of_one_version_one_wins,
            pages_go_by_time_and_neither_repeat_nor_skip,
            filters_hold_together,
            a_filtered_page_examines_two_thousand_rows,
            an_expiry_is_announced_once,
        ]);
        $crate::store_contract!(@room $run, api_key_use: [
            of_parallel_takers_each_use_is_given_once,
            slices_are_what_is_left_and_never_more,
            accounts_keys_and_windows_are_counted_apart,
            a_dropped_unit_takes_nothing,
            purging_removes_windows_that_are_over,
        ]);
        $crate::store_contract!(@room $run, client: [
            every_field_comes_back_as_it_was_written,
            another_issuer_sees_and_changes_nothing,
            details_are_given_of_those_that_are_asked_for_and_not_deleted,
            a_stale_version_changes_nothing,
            of_parallel_rotations_of_one_version_one_wins,
            pages_neither_repeat_nor_skip_while_rows_come_and_go,
            filters_hold_together,
            a_search_folds_case_and_goes_on_behind_what_it_examined,
            a_deleted_client_loses_its_secret_and_waits_for_its_removal,
        ]);
        $crate::store_contract!(@room $run, idempotency: [
            a_claim_is_seen_only_when_it_was_committed,
            a_completed_key_gives_its_record_until_it_expires,
            a_reader_finds_what_was_completed_until_it_expires,
            of_parallel_claims_one_is_fresh,
            a_released_claim_leaves_the_key_free,
            purging_removes_expired_records_only,
        ]);
        $crate::store_contract!(@room $run, membership: [
            every_field_comes_back_as_it_was_written,
            another_tenant_sees_and_changes_nothing,
            a_stale_version_changes_and_removes_nothing,
            of_parallel_updates_of_one_version_one_wins,
            pages_neither_repeat_nor_skip_while_rows_come_and_go,
            filters_hold_together,
            a_suspended_membership_does_not_count_as_an_active_one,
            a_dropped_unit_leaves_nothing,
        ]);
        $crate::store_contract!(@room $run, membership_rules: [
            of_parallel_additions_of_one_member_one_wins,
            a_limit_holds_against_parallel_additions,
            of_owners_that_are_removed_in_parallel_one_stays,
            members_of_a_deleted_organization_are_removed_in_batches,
            a_member_is_removed_everywhere_and_counted_out,
            who_was_deleted_is_found_until_their_memberships_are_gone,
            parallel_removals_count_each_member_out_once,
            a_removal_is_remembered_until_it_is_old_or_its_organization_gone,
        ]);
        $crate::store_contract!(@room $run, organization: [
            every_field_comes_back_as_it_was_written,
            another_issuer_sees_and_changes_nothing,
            an_update_with_a_stale_version_changes_nothing,
            of_parallel_updates_of_one_version_one_wins,
            a_dropped_unit_leaves_nothing,
            a_unit_cut_off_anywhere_leaves_all_or_nothing,
            units_that_are_dropped_anywhere_cost_no_connection,
            pages_neither_repeat_nor_skip_while_rows_come_and_go,
            filters_hold_together,
            a_filtered_page_examines_two_thousand_rows,
            a_deleting_organization_is_found_by_the_worker_only,
        ]);
        $crate::store_contract!(@room $run, user: [
            every_field_comes_back_as_it_was_written,
            a_login_is_noted_and_is_no_change,
            another_issuer_sees_and_changes_nothing,
            an_update_with_a_stale_version_changes_nothing,
            of_parallel_updates_of_one_version_one_wins,
            of_parallel_users_of_one_name_one_is_made,
            of_parallel_renames_to_one_name_one_wins,
            a_taken_name_leaves_the_unit_usable,
            an_address_finds_who_has_proven_it_and_then_who_is_called_so,
            a_dropped_unit_leaves_nothing,
            pages_neither_repeat_nor_skip_while_rows_come_and_go,
            a_status_filter_shows_that_status_and_none_shows_all_but_the_deleted,
            those_who_wait_are_listed_oldest_first,
            a_deleted_user_keeps_its_name_until_the_purge,
            the_longest_deleted_are_purged_first,
        ]);
        $crate::store_contract!(@room $run, issuer: [
            every_field_comes_back_as_it_was_written,
            another_account_sees_and_changes_nothing,
            an_update_with_a_stale_version_changes_nothing,
            of_parallel_updates_of_one_version_one_wins,
            a_dropped_unit_leaves_nothing,
            pages_neither_repeat_nor_skip_while_rows_come_and_go,
            filters_hold_together,
            a_search_examines_a_bounded_number_of_rows_and_says_where_it_stopped,
        ]);
        $crate::store_contract!(@room $run, issuer_removal: [
            the_platform_issuer_cannot_be_deleted,
            a_deleted_issuer_is_gone_at_once_and_removed_in_batches,
        ]);
        $crate::store_contract!(@room $run, account: [
            every_field_comes_back_as_it_was_written,
            an_unknown_account_is_none,
            of_parallel_updates_of_one_version_one_wins,
            an_account_follows_its_organization_to_a_later_version,
            a_list_shows_only_the_accounts_asked_for_newest_first,
            organizations_of_accounts_are_found_together_in_their_issuer_only,
            a_platform_is_founded_once_for_all_time,
            a_closed_account_is_gone_at_once_and_removed_in_batches,
            owned_accounts_are_counted_while_they_are_open,
            an_account_ends_while_nobody_holds_it,
        ]);
        $crate::store_contract!(@room $run, bootstrap: [
            of_processes_that_start_together_one_makes_the_first_account,
            a_bootstrap_that_was_not_committed_leaves_nothing,
            the_first_account_is_complete_and_its_key_opens_it,
        ]);
        $crate::store_contract!(@room $run, signing_key: [
            every_field_comes_back_as_it_was_written,
            another_issuer_sees_and_changes_nothing,
            of_parallel_creators_one_makes_a_generation,
            a_generation_that_is_taken_adds_nothing,
            a_key_is_withdrawn_once_and_by_its_own_issuer,
            the_end_of_what_a_lost_key_signed_stays_ordered_until_it_is_done,
            no_session_that_a_key_signed_comes_after_its_withdrawal,
            a_rotated_issuer_has_both_generations,
            keys_that_were_succeeded_long_ago_are_removed,
            the_version_follows_the_keys_and_the_issuer,
            everyone_is_told_what_the_issuer_says,
            a_deleted_issuer_publishes_nothing_and_gets_no_keys,
            issuers_with_keys_are_walked_in_pages,
        ]);
        $crate::store_contract!(@room $run, logout: [
            every_field_comes_back_as_it_was_written,
            notices_are_due_by_time_longest_first_and_in_batches,
            what_waits_for_busy_clients_hides_nothing,
            of_parallel_leases_of_one_notice_one_wins,
            a_lost_lease_changes_and_removes_nothing,
            another_issuer_changes_and_removes_nothing,
            a_dropped_unit_queues_nothing,
            old_notices_are_purged_in_batches_whoever_holds_them,
        ]);
        $crate::store_contract!(@room $run, mail: [
            every_field_comes_back_as_it_was_written,
            mail_is_due_by_time_longest_first_and_in_batches,
            what_waits_for_busy_accounts_hides_nothing,
            of_parallel_leases_of_one_mail_one_wins,
            a_lost_lease_changes_and_removes_nothing,
            another_issuer_removes_nothing,
            a_dropped_unit_queues_nothing,
            a_tally_is_counted_by_one_at_a_time,
            old_tallies_are_purged_in_batches,
        ]);
        $crate::store_contract!(@room $run, note: [
            every_field_comes_back_as_it_was_written,
            another_account_sees_and_changes_nothing,
            a_stale_version_changes_and_removes_nothing,
            of_parallel_updates_of_one_version_one_wins,
            pages_go_pinned_first_and_neither_repeat_nor_skip_within_a_millisecond,
            filters_hold_together,
            a_filtered_page_examines_two_thousand_rows,
            backlinks_are_the_newest_that_still_refer,
            only_what_is_there_in_the_account_exists,
        ]);
        $crate::store_contract!(@room $run, note_removal: [
            mentions_of_one_user_are_forgotten_in_batches,
            notes_of_what_was_deleted_are_found_and_removed_in_batches,
            who_read_a_note_before_cannot_bring_a_forgotten_mention_back,
        ]);
        $crate::store_contract!(@room $run, session: [
            every_field_comes_back_as_it_was_written,
            another_issuer_sees_and_changes_nothing,
            a_stale_version_changes_nothing,
            of_parallel_ends_of_one_version_one_wins,
            a_list_shows_the_live_and_the_newest_of_the_lately_ended,
            live_sessions_are_found_by_what_they_belong_to,
            what_time_has_ended_is_found_longest_first,
            live_sessions_of_deleted_users_and_clients_are_found,
            ended_sessions_are_purged_by_age_and_those_of_a_user_at_once,
            a_cookie_is_worth_something_until_another_takes_its_place,
        ]);
        $crate::store_contract!(@room $run, delegation: [
            every_field_comes_back_as_it_was_written,
            another_issuer_sees_and_changes_nothing,
            a_stale_version_changes_nothing_and_a_use_is_none,
            of_parallel_revocations_one_wins,
            of_parallel_grants_for_one_purpose_one_is_made,
            what_is_in_force_is_neither_revoked_nor_expired,
            lists_go_by_owner_and_filters_hold_together,
            pages_neither_repeat_nor_skip_while_rows_come,
            a_filtered_page_examines_two_thousand_rows,
            those_of_a_party_are_removed_in_batches,
            who_was_deleted_is_found_while_delegations_name_them,
        ]);
        $crate::store_contract!(@room $run, token: [
            every_field_comes_back_as_it_was_written,
            the_state_of_the_user_comes_along,
            a_token_of_a_deleted_issuer_is_none,
            another_tenant_sees_and_changes_nothing,
            a_stale_version_changes_and_removes_nothing,
            of_parallel_updates_of_one_version_one_wins,
            a_limit_holds_against_parallel_creations,
            pages_neither_repeat_nor_skip_while_rows_come_and_go,
            a_status_filter_sees_time_and_user,
            an_address_is_new_once_and_the_longest_unused_is_forgotten,
            of_parallel_first_uses_from_an_address_one_is_new,
            a_removed_token_is_gone_with_its_addresses,
            tokens_of_deleted_users_are_found_until_they_are_removed,
        ]);
        $crate::store_contract!(@room $run, group: [
            every_field_comes_back_as_it_was_written,
            another_tenant_sees_and_changes_nothing,
            a_stale_version_changes_and_deletes_nothing,
            of_parallel_inserts_of_one_name_one_wins,
            a_name_is_free_once_the_deletion_was_accepted,
            pages_neither_repeat_nor_skip_while_rows_come_and_go,
            a_detached_role_leaves_groups_of_their_own_with_its_last_scopes,
            groups_go_with_their_organization,
        ]);
        $crate::store_contract!(@room $run, membership_groups: [
            groups_of_a_member_come_back_as_they_were_written,
            members_are_found_by_what_their_groups_give,
            pages_over_several_ways_to_hold_a_scope_show_each_member_once,
            a_deleted_group_is_nobodys_and_is_detached_in_batches,
            effective_scopes_are_direct_and_through_groups_below_the_ceiling,
            the_first_thousand_memberships_give_effective_scopes,
        ]);
        $crate::store_contract!(@room $run, issuer_settings: [
            roles_types_and_fields_are_answered_until_the_deletion,
            a_removed_role_is_work_until_it_is_forgotten,
            a_type_is_in_use_while_an_organization_has_it,
            login_methods_are_written_by_version_and_counted,
        ]);
        $crate::store_contract!(@room $run, invitation: [
            every_field_comes_back_as_it_was_written,
            every_state_comes_back_as_it_was_written,
            another_tenant_sees_and_changes_nothing,
            a_stale_version_changes_nothing,
            of_parallel_updates_of_one_version_one_wins,
            a_dropped_unit_leaves_nothing,
            pages_neither_repeat_nor_skip_while_rows_come_and_go,
            a_status_is_what_the_clock_of_who_asks_makes_it,
            a_filtered_page_examines_two_thousand_rows,
            an_address_has_one_open_invitation_however_many_race,
            open_invitations_are_counted_by_organization,
            what_is_personal_is_erased_and_the_rest_stays,
            invitations_of_a_deleted_organization_are_removed_in_batches,
            an_erased_user_is_forgotten_by_invitations,
        ]);
        $crate::store_contract!(@room $run, connection: [
            every_field_comes_back_as_it_was_written,
            another_issuer_sees_and_changes_nothing,
            a_stale_version_changes_nothing,
            of_parallel_claims_of_one_domain_one_wins,
            released_domains_are_free_again,
            organizations_are_found_by_their_connection,
        ]);
        $crate::store_contract!(@room $run, agent: [
            every_field_comes_back_as_it_was_written,
            every_field_of_a_verifier_comes_back,
            another_issuer_sees_and_changes_nothing,
            of_parallel_updates_of_one_version_one_wins,
            a_wallet_belongs_to_one_agent_of_an_issuer,
            of_parallel_claims_of_one_wallet_one_wins,
            a_limit_of_verifiers_holds_against_parallel_additions,
            a_verifier_is_removed_in_its_version_and_counts_uses_without_one,
            pages_neither_repeat_nor_skip_while_rows_come_and_go,
            filters_hold_together,
            a_filtered_page_examines_two_thousand_rows,
            a_deleted_agent_is_found_by_nobody_and_removed_when_nothing_names_it,
            a_dropped_unit_leaves_nothing,
        ]);
        $crate::store_contract!(@room $run, verifier: [
            every_field_comes_back_as_it_was_written,
            another_user_or_issuer_sees_and_changes_nothing,
            a_stale_version_changes_and_removes_nothing,
            of_parallel_codes_of_one_step_one_is_accepted,
            a_password_is_accepted_as_long_as_it_is_the_stored_one,
            a_rename_brings_nothing_back_that_was_spent_meanwhile,
            of_parallel_uses_of_one_backup_code_one_is_accepted,
            new_backup_codes_take_the_place_of_the_old_ones,
            a_user_sets_one_factor_up_at_a_time,
            of_parallel_ends_of_one_enrollment_one_wins,
            credentials_go_with_their_user,
            a_sweep_removes_what_has_expired,
            a_user_shows_how_it_is_protected,
        ]);
        $crate::store_contract!(@room $run, device: [
            every_field_comes_back_as_it_was_written,
            another_user_or_issuer_sees_and_changes_nothing,
            a_stale_version_changes_and_removes_nothing,
            of_parallel_devices_with_one_fingerprint_one_is_made,
            devices_go_with_their_user,
            a_sweep_removes_what_is_neither_trusted_nor_known,
        ]);
        $crate::store_contract!(@room $run, grant: [
            every_field_comes_back_as_it_was_written,
            another_issuer_sees_and_changes_nothing,
            sessions_are_found_by_the_key_that_signed_their_refresh_token,
            of_parallel_uses_of_a_code_one_spends_it,
            of_parallel_rotations_of_a_token_one_wins,
            the_first_refresh_token_is_set_once,
            of_parallel_uses_of_an_assertion_one_counts,
            a_denied_token_is_denied_at_its_issuer_until_it_is_swept,
            what_is_over_is_swept_and_nothing_else,
            a_grant_goes_with_its_session_and_consents_with_user_and_client,
        ]);
        $crate::store_contract!(@room $run, webhook: [
            every_field_comes_back_as_it_was_written,
            another_account_sees_and_changes_nothing,
            a_stale_version_changes_nothing,
            of_parallel_updates_of_one_version_one_wins,
            a_deleted_webhook_loses_its_secrets_and_is_listed_by_its_status_alone,
            pages_neither_repeat_nor_skip_while_rows_come_and_go,
            a_delivery_comes_back_as_it_was_written,
            of_parallel_deliveries_of_one_event_one_is_made,
            deliveries_are_listed_newest_first_and_filters_hold_together,
            failed_deliveries_are_queued_anew_newest_first_if_their_event_is_kept,
            previous_signing_secrets_are_erased_when_their_time_is_over,
            what_has_failed_since_its_webhook_was_activated_waits_for_its_time,
            what_is_due_brings_its_body_unless_that_is_large,
            waiting_deliveries_are_hastened_and_those_of_a_deleted_webhook_cancelled,
            what_was_kept_long_enough_goes_in_batches,
            the_webhooks_of_a_closed_account_stop_and_are_removed,
            what_is_enqueued_wakes_its_webhook_and_is_due_in_the_order_of_its_events,
            an_event_is_enqueued_once_for_a_webhook,
            a_webhook_is_looked_at_from_the_earliest_time_that_it_was_woken_for,
            those_who_waited_longest_are_looked_at_first_and_busy_ones_not_at_all,
            deliveries_are_written_together_and_each_only_from_its_version,
            of_parallel_workers_each_delivery_meets_one,
            what_is_overdue_is_given_up_where_nobody_attempts_it,
            a_body_is_kept_from_the_first_attempt_on,
            the_webhooks_of_accounts_are_those_that_are_not_deleted,
            work_that_is_added_while_somebody_looks_is_seen_afterwards,
        ]);
        $crate::store_contract!(@room $run, billing: [
            every_field_of_an_entry_comes_back_as_it_was_written,
            every_field_of_a_method_comes_back_as_it_was_written,
            a_stale_version_of_a_method_changes_nothing,
            another_account_sees_and_changes_nothing,
            the_end_of_a_ledger_is_begun_once_and_written_under_its_lock,
            of_parallel_writers_of_one_payment_one_enters_it,
            pages_of_the_ledger_neither_repeat_nor_skip,
            usage_adds_up_and_waits_until_it_is_settled,
            who_was_active_is_known_in_their_month_and_account_only,
            statements_are_made_once_and_listed_newest_first,
            months_are_left_open_until_they_are_closed,
            a_dropped_unit_leaves_nothing,
        ]);
        $crate::store_contract!(@room $run, domain: [
            every_field_comes_back_as_it_was_written,
            another_account_sees_and_changes_nothing,
            a_stale_version_changes_and_removes_nothing,
            of_parallel_claims_of_one_host_one_wins,
            lists_show_the_domains_asked_for_newest_first,
            a_host_leads_to_the_issuer_that_it_serves_and_to_no_other,
        ]);
        $crate::store_contract!(@room $run, login: [
            every_field_comes_back_as_it_was_written,
            another_issuer_sees_and_changes_nothing,
            what_was_mailed_last_to_a_user_for_a_purpose_is_found,
            of_parallel_attempts_at_one_step_one_makes_it,
            of_parallel_ends_of_one_login_one_ends_it,
            of_parallel_uses_of_one_mail_one_spends_it,
            what_was_used_is_told_from_what_never_was,
            a_dropped_unit_spends_nothing,
            each_wrong_code_is_counted,
            what_was_mailed_to_a_user_goes_together,
            parallel_failures_are_all_counted,
            what_failed_in_a_row_is_found_among_keys,
            a_sweep_removes_what_has_expired,
            logins_are_swept_an_hour_after_their_time_longest_first,
        ]);
    };
    (@room $run:path, $room:ident: [$($case:ident,)*]) => {
        mod $room {
            $(
                #[test]
                fn $case() {
                    $run(|ground| Box::pin($crate::store::contract::$room::$case(ground)));
                }
            )*
        }
    };
}
