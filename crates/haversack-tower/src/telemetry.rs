//! What operators see: metrics and log lines. The client learns nothing of it.

use haversack::{
    Arrival, ArrivalKind, CsrfRejection, EventKind, FieldReport, Info, Outcome, Revocation,
    Timestamp, View,
};
use metrics::{counter, histogram};

use crate::{OpenError, SessionError};

/// A request asked for its session.
pub(crate) fn arrived(arrival: &Arrival, view: &View, now: Timestamp) {
    counter!("haversack_arrivals_total", "kind" => arrival.kind.name()).increment(1);
    if arrival.kind == ArrivalKind::Absent {
        return;
    }
    counter!("haversack_opens_total").increment(arrival.opened as u64);
    histogram!("haversack_request_chars").record(count(arrival.chars));
    histogram!("haversack_request_parcels").record(count(arrival.opened));
    for rejection in &arrival.rejections {
        counter!("haversack_rejections_total", "reason" => rejection.name()).increment(1);
        tracing::debug!(reason = rejection.name(), "cookie refused: {rejection}");
    }
    let others =
        [("foreign", arrival.foreign), ("orphan", arrival.orphans), ("unopened", arrival.unopened)];
    for (name, times) in others {
        if times > 0 {
            counter!("haversack_rejections_total", "reason" => name).increment(times as u64);
        }
    }
    if arrival.adopted > 0 {
        counter!("haversack_adoptions_total").increment(arrival.adopted as u64);
    }
    if arrival.clock_behind {
        counter!("haversack_clock_behind_total").increment(1);
    }
    if arrival.partial {
        counter!("haversack_partial_total").increment(1);
        let ring = view.ring.revision();
        let secs = now.millis_since(view.confirmed) / 1000;
        if let Some(key) = arrival.unknown_keys.first() {
            tracing::warn!(
                %key, ring, "session partial: key {key} unknown, ring v{ring} confirmed {secs} s ago; \
                 if this lasts, check that this server reads the key ring that the others use"
            );
        } else {
            tracing::warn!(
                ring,
                unopened = arrival.unopened,
                "session partial: not all of its cookies can be judged here; if this lasts, look \
                 for a newer program or a clock that is ahead in the fleet"
            );
        }
    }
}

/// Whose session a request carries, for those who look for one: ids, never content.
pub(crate) fn opened<T>(info: &Info) {
    tracing::debug!(
        session = std::any::type_name::<T>(),
        kind = info.arrival.kind.name(),
        transport = info.arrival.transport.name(),
        id = info.id.map(tracing::field::display),
        revocation_id = info.revocation_id.map(tracing::field::display),
        signed_in = info.signed_in,
        parcels = info.arrival.opened,
        chars = info.arrival.chars,
        "session opened"
    );
}

/// Fields that could not be decoded fell back to their defaults.
pub(crate) fn fields<T>(reports: &[FieldReport]) {
    for report in reports {
        counter!("haversack_undecodable_fields_total").increment(1);
        tracing::warn!(
            session = std::any::type_name::<T>(),
            "field fell back to its default: {report}"
        );
    }
}

/// A form token was not taken.
pub(crate) fn csrf_rejected<T>(rejection: CsrfRejection) {
    counter!("haversack_csrf_rejections_total", "reason" => rejection.name()).increment(1);
    tracing::debug!(
        session = std::any::type_name::<T>(),
        reason = rejection.name(),
        "form token refused: {rejection}"
    );
}

/// The session was written into a response, or there was nothing to write.
pub(crate) fn responded(outcome: &Outcome) {
    let report = &outcome.report;
    if report.event != EventKind::None {
        counter!("haversack_events_total", "event" => report.event.name()).increment(1);
    }
    if report.sealed > 0 {
        counter!("haversack_seals_total").increment(report.sealed as u64);
    }
    if report.deleted > 0 {
        counter!("haversack_deletions_total").increment(report.deleted as u64);
    }
    for work in &report.maintenance {
        counter!("haversack_maintenance_total", "work" => work.name()).increment(1);
    }
    for overridden in &report.overridden {
        counter!("haversack_overridden_total").increment(1);
        tracing::debug!(
            field = %overridden.field(),
            apart_ms = overridden.apart_ms,
            "of two writes at the same time the later one holds"
        );
    }
    if report.waiting > 0 {
        counter!("haversack_waiting_total").increment(report.waiting as u64);
    }
    if report.chars > 0 {
        histogram!("haversack_response_chars").record(count(report.chars));
    }
    if let Some((chars, limit)) = report.state {
        histogram!("haversack_state_chars").record(count(chars));
        if chars * 4 > limit * 3 {
            counter!("haversack_state_over_75_percent_total").increment(1);
            tracing::warn!(
                chars,
                limit,
                "session takes {chars} of {limit} characters; above that, writes are refused"
            );
        }
    }
}

/// A response was replaced, or a handler refused.
pub(crate) fn refused<T>(error: &SessionError) {
    counter!("haversack_refusals_total", "reason" => error.name()).increment(1);
    if error.status().is_server_error() && error.status() != http::StatusCode::SERVICE_UNAVAILABLE {
        tracing::error!(session = std::any::type_name::<T>(), reason = error.name(), "{error}");
    } else {
        tracing::warn!(session = std::any::type_name::<T>(), reason = error.name(), "{error}");
    }
}

/// A route did not take a session, for want of a newer view.
pub(crate) fn stale<T>(error: &OpenError) {
    counter!("haversack_stale_refusals_total").increment(1);
    tracing::warn!(session = std::any::type_name::<T>(), "{error}");
}

/// The fleet is told what has ended.
pub(crate) fn publishing(revocations: &[Revocation]) {
    for revocation in revocations {
        counter!("haversack_revocations_total", "kind" => revocation.name()).increment(1);
        tracing::info!(%revocation, "revoked");
    }
}

/// A handle was changed, or ended its session, after the response head was written.
pub(crate) fn late_write<T>() {
    counter!("haversack_late_writes_total").increment(1);
    tracing::error!(
        session = std::any::type_name::<T>(),
        "a session was changed after the response head was written; the change is lost: \
         drop the handle before the response body is streamed"
    );
}

/// A changed handle was out when the response head was written.
pub(crate) fn left_out() {
    counter!("haversack_left_out_total").increment(1);
}

/// A handle was dropped by a panic; its changes are discarded.
pub(crate) fn discarded() {
    counter!("haversack_discarded_total").increment(1);
}

#[expect(clippy::cast_precision_loss, reason = "header sizes are far below 2^52")]
fn count(n: usize) -> f64 {
    n as f64
}
