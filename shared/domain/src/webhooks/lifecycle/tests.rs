use std::time::Duration;

use crate::jobs::status::JobStatus;
use crate::jobs::subscription::{WebhookEvent, WebhookUrl};
use crate::primitives::id::{JobId, LeaseId, TraceId, WebhookId};
use crate::primitives::lease::Lease;
use crate::primitives::timestamp::Timestamp;
use crate::webhooks::attempt::{EndpointResponse, Outcome};
use crate::webhooks::delivery::{Delivery, DeliveryState, Readiness, Snapshot};
use crate::webhooks::retry_schedule::{RETRY_SCHEDULE, TimeScale};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_millis(seconds * 1000)
}

fn lease(until: i64) -> Lease {
    Lease { id: LeaseId::new(), until: at(until) }
}

const DAY: i64 = 24 * 3600;

fn delivery() -> Delivery {
    Delivery {
        id: WebhookId::new(),
        revision: 0,
        job_id: JobId::new(),
        client_id: "acme".parse().unwrap(),
        trace_id: TraceId::new(),
        url: WebhookUrl::parse("https://example.com/", Default::default()).unwrap(),
        event: WebhookEvent::Completed,
        happened_at: at(0),
        snapshot: Snapshot {
            batch_id: None,
            status: JobStatus::Completed,
            progress: 100,
            result: None,
            error: None,
            metadata: None,
            images_expire_at: at(999),
        },
        state: DeliveryState::Pending,
        attempts: 0,
        retry_index: 0,
        crashes: 0,
        log: vec![],
        lease: None,
        not_before: None,
        deferrals: 0,
        bypass_disabled: false,
        redeliver_requested: false,
        held: false,
        requeues: 0,
        due_at: Some(at(30)),
        expires_at: at(90 * DAY),
        job_expires_at: at(90 * DAY),
    }
}

fn answered(status: u16) -> Outcome {
    Outcome { duration: Duration::from_millis(12), answer: Ok(EndpointResponse::new(status, None, b"hello")) }
}

/// Begins an attempt at `now` with a lease until `until`, in seconds.
fn begin_attempt(delivery: &mut Delivery, until: i64, now: i64) {
    delivery.begin_attempt(lease(until), at(now), TimeScale::REAL, 0.5);
}

fn fail(delivery: &mut Delivery, now: i64) {
    begin_attempt(delivery, now + 40, now);
    delivery.record_outcome(&answered(500), false, at(now), TimeScale::REAL, 0.5);
}

#[test]
fn lease_blocks_other_senders_until_it_expires() {
    let mut delivery = delivery();
    assert_eq!(delivery.readiness(at(0)), Readiness::Due);
    begin_attempt(&mut delivery, 40, 0);
    assert_eq!((delivery.readiness(at(39)), delivery.due_at), (Readiness::Leased, Some(at(40))));
    assert_eq!(delivery.readiness(at(40)), Readiness::Due);
    delivery.record_outcome(&answered(204), false, at(1), TimeScale::REAL, 0.5);
    assert_eq!((delivery.readiness(at(50)), delivery.due_at), (Readiness::Ended, None));
    assert_eq!(delivery.next_attempt_at(at(50)), None);
}

#[test]
fn attempts_follow_the_retry_schedule_and_then_end() {
    let mut delivery = delivery();
    let mut due_times = vec![];
    while delivery.state == DeliveryState::Pending {
        fail(&mut delivery, 0);
        due_times.extend(delivery.not_before.map(Timestamp::seconds));
    }
    assert_eq!(due_times, RETRY_SCHEDULE.map(|step| step.as_secs() as i64));
    assert_eq!((delivery.attempts, delivery.state, delivery.due_at), (10, DeliveryState::GivenUp, None));
    let numbers: Vec<_> = delivery.log.iter().map(|attempt| (attempt.number, attempt.status)).collect();
    assert_eq!(numbers, (1..=10).map(|number| (number, Some(500))).collect::<Vec<_>>());
}

/// Lets every sender crash at its attempt until `end`, and returns when each attempt began.
fn dying_senders(delivery: &mut Delivery, end: i64) -> Vec<i64> {
    let mut begun = vec![];
    for now in 0..end {
        if delivery.readiness(at(now)) == Readiness::Due && !delivery.crash_limit_reached() {
            begin_attempt(delivery, now + 60, now);
            begun.push(now);
        }
    }
    begun
}

#[test]
fn sender_crashes_do_not_advance_the_retry_index() {
    let mut delivery = delivery();
    assert_eq!(dying_senders(&mut delivery, 20 * 60), [0, 60, 360], "the delays of the retry schedule");
    assert_eq!((delivery.retry_index, delivery.next_attempt_at(at(1200))), (1, Some(at(360 + 1800))));
    fail(&mut delivery, 2160);
    assert_eq!((delivery.retry_index, delivery.crashes, delivery.not_before), (1, 0, Some(at(2165))));
    assert_eq!(
        delivery.log.iter().filter(|attempt| attempt.error.is_some()).count(),
        3,
        "each crash is in the log"
    );
}

#[test]
fn crash_at_last_retry_is_attempted_again() {
    for (status, state) in [(500, DeliveryState::GivenUp), (200, DeliveryState::Delivered)] {
        let mut delivery = delivery();
        (0..9).for_each(|_| fail(&mut delivery, 0));
        delivery.not_before = None;
        assert_eq!(dying_senders(&mut delivery, 100), [0, 60]);
        assert_eq!((delivery.readiness(at(360)), delivery.crash_limit_reached()), (Readiness::Due, false));
        begin_attempt(&mut delivery, 400, 360);
        delivery.record_outcome(&answered(status), false, at(361), TimeScale::REAL, 0.5);
        assert_eq!((delivery.state, delivery.log.last().unwrap().status), (state, Some(status)));
    }
}

#[test]
fn crash_limit_is_reached_after_three_days() {
    let mut delivery = delivery();
    let begun = dying_senders(&mut delivery, 4 * DAY);
    assert_eq!((begun.len(), begun[9] / 3600), (10, 75));
    assert!(delivery.crash_limit_reached());
    assert!(delivery.redeliver(at(4 * DAY)));
    assert!(!delivery.crash_limit_reached(), "a redelivery was requested");
    begin_attempt(&mut delivery, 4 * DAY + 60, 4 * DAY);
    assert_eq!((delivery.retry_index, delivery.crashes), (1, 0));
}

#[test]
fn delay_beyond_the_queue_limit_is_left_to_the_sweeper() {
    let mut delivery = delivery();
    fail(&mut delivery, 0);
    assert_eq!(
        (delivery.message_delay(at(0)), delivery.due_at),
        (Some(Duration::from_secs(5)), Some(at(35)))
    );
    assert_eq!((delivery.readiness(at(4)), delivery.readiness(at(5))), (Readiness::TooEarly, Readiness::Due));
    fail(&mut delivery, 5);
    fail(&mut delivery, 305);
    assert_eq!((delivery.message_delay(at(305)), delivery.due_at), (None, Some(at(305 + 1800))));
}

#[test]
fn status_410_gives_up() {
    let mut delivery = delivery();
    begin_attempt(&mut delivery, 40, 0);
    delivery.record_outcome(&answered(410), false, at(1), TimeScale::REAL, 0.5);
    assert_eq!((delivery.state, delivery.due_at), (DeliveryState::GivenUp, None));
}

#[test]
fn retry_after_of_503_postpones_the_next_attempt() {
    let mut delivery = delivery();
    begin_attempt(&mut delivery, 40, 0);
    let busy = EndpointResponse {
        retry_after: Some(Duration::from_secs(600)),
        ..EndpointResponse::new(503, None, b"")
    };
    let outcome = Outcome { duration: Duration::ZERO, answer: Ok(busy) };
    delivery.record_outcome(&outcome, false, at(0), TimeScale::REAL, 0.5);
    assert_eq!(delivery.not_before, Some(at(600)));
}

#[test]
fn wait_in_line_is_not_an_attempt_and_doubles() {
    let mut delivery = delivery();
    let mut due_times = vec![];
    for _ in 0..9 {
        delivery.wait_in_line(at(100));
        due_times.extend(delivery.due_at.map(|due| due.seconds() - 100));
    }
    assert_eq!(due_times, [600, 1200, 2400, 4800, 9600, 19_200, 38_400, 38_400, 38_400]);
    assert_eq!((delivery.attempts, delivery.retry_index, delivery.log.len()), (0, 0, 0));
    assert_eq!((delivery.readiness(at(100)), delivery.message_delay(at(100))), (Readiness::Due, None));
    begin_attempt(&mut delivery, 200, 110);
    assert_eq!(delivery.deferrals, 0);
    delivery.record_outcome(&answered(500), false, at(111), TimeScale::REAL, 0.5);
    delivery.wait_outside(at(200));
    assert_eq!((delivery.deferrals, delivery.due_at), (1, Some(at(260))));
}

#[test]
fn log_keeps_each_attempt_with_its_outcome() {
    let mut delivery = delivery();
    fail(&mut delivery, 0);
    begin_attempt(&mut delivery, 45, 5);
    delivery.record_outcome(
        &Outcome { duration: Duration::from_secs(15), answer: Err("no answer in time".into()) },
        false,
        at(20),
        TimeScale::REAL,
        0.5,
    );
    begin_attempt(&mut delivery, 360, 320);
    // The previous sender crashed, and this one detects it.
    begin_attempt(&mut delivery, 420, 380);
    delivery.record_outcome(&answered(200), false, at(381), TimeScale::REAL, 0.5);

    let log = &delivery.log;
    assert_eq!(log.len(), 4);
    assert_eq!(
        (log[0].status, log[0].millis, log[0].answer.as_deref()),
        (Some(500), Some(12), Some("hello"))
    );
    assert_eq!((log[1].status, log[1].error.as_deref()), (None, Some("no answer in time")));
    assert!(log[2].error.as_ref().unwrap().contains("sender was lost"));
    assert_eq!((log[3].number, log[3].at, log[3].status), (4, at(380), Some(200)));
    assert_eq!(delivery.expires_at, at(381 + 30 * DAY));
}

#[test]
fn log_keeps_100_attempts_and_fits_into_a_row() {
    let mut delivery = delivery();
    let long_response =
        Outcome { duration: Duration::MAX, answer: Ok(EndpointResponse::new(500, None, &[b'x'; 2000])) };
    for _ in 0..120 {
        delivery.redeliver(at(0));
        begin_attempt(&mut delivery, 40, 0);
        delivery.record_outcome(&long_response, false, at(1), TimeScale::REAL, 0.5);
    }
    assert_eq!((delivery.log.len(), delivery.log[0].number, delivery.attempts), (100, 21, 120));
    let bytes = serde_json::to_vec(&delivery).unwrap().len();
    assert!(bytes < 400_000 / 3, "{bytes}");
}

#[test]
fn pending_delivery_expires_with_its_job() {
    let mut delivery = delivery();
    for day in 0..89 {
        // The daily probe of a disabled endpoint.
        begin_attempt(&mut delivery, day * DAY + 60, day * DAY);
        delivery.record_outcome(&answered(500), true, at(day * DAY + 1), TimeScale::REAL, 0.5);
        assert_eq!((delivery.held, delivery.expires_at), (true, at(90 * DAY)));
    }
    begin_attempt(&mut delivery, 100, 50);
    delivery.record_outcome(&answered(200), false, at(51), TimeScale::REAL, 0.5);
    assert_eq!(delivery.expires_at, at(51 + 30 * DAY));
    assert!(delivery.redeliver(at(100)));
    assert_eq!(delivery.expires_at, at(90 * DAY));
}

#[test]
fn disabled_endpoint_holds_delivery_and_restarts_schedule() {
    let mut delivery = delivery();
    fail(&mut delivery, 0);
    begin_attempt(&mut delivery, 60, 10);
    delivery.record_outcome(&answered(500), true, at(11), TimeScale::REAL, 0.5);
    assert_eq!(
        (delivery.state, delivery.held, delivery.due_at),
        (DeliveryState::Pending, true, Some(at(11)))
    );
    assert_eq!((delivery.message_delay(at(11)), delivery.next_attempt_at(at(11))), (None, None));
    let mut waiting = delivery.clone();
    waiting.wait_in_line(at(20));
    assert_eq!((waiting.held, waiting.due_at), (true, Some(at(11))), "its place among the held stays");
    assert_eq!((waiting.readiness(at(20)), waiting.next_attempt_at(at(20))), (Readiness::Due, None));
    delivery.release(at(100));
    assert_eq!((delivery.readiness(at(100)), delivery.due_at), (Readiness::Due, Some(at(130))));
    fail(&mut delivery, 100);
    assert_eq!(delivery.not_before, Some(at(105)), "the first delay of the schedule");
}

#[test]
fn redeliver_restarts_the_schedule_with_the_same_id() {
    let mut delivery = delivery();
    while delivery.state == DeliveryState::Pending {
        fail(&mut delivery, 0);
    }
    let id = delivery.id;
    assert!(delivery.redeliver(at(1000)));
    assert_eq!(
        (delivery.id, delivery.readiness(at(1000)), delivery.bypass_disabled),
        (id, Readiness::Due, true)
    );
    fail(&mut delivery, 1000);
    assert_eq!((delivery.attempts, delivery.not_before), (11, Some(at(1005))));

    begin_attempt(&mut delivery, 1100, 1050);
    assert!(delivery.redeliver(at(1100)), "its sender crashed");
    assert_eq!((delivery.readiness(at(1100)), delivery.retry_index), (Readiness::Due, 0));
}

#[test]
fn redeliver_during_attempt_retries_unless_it_succeeds() {
    for status in [500, 410, 429, 200] {
        let mut delivery = delivery();
        (0..9).for_each(|_| fail(&mut delivery, 0));
        begin_attempt(&mut delivery, 60, 0);
        assert!(!delivery.redeliver(at(5)), "an attempt is in progress");
        assert_eq!(delivery.readiness(at(5)), Readiness::Leased);
        delivery.record_outcome(&answered(status), true, at(10), TimeScale::REAL, 0.5);
        if status == 200 {
            assert_eq!((delivery.state, delivery.redeliver_requested), (DeliveryState::Delivered, false));
            continue;
        }
        let next = (delivery.readiness(at(10)), delivery.message_delay(at(10)), delivery.due_at);
        assert_eq!(next, (Readiness::Due, Some(Duration::ZERO), Some(at(40))), "{status}");
        assert!(delivery.bypass_disabled && !delivery.held);
        fail(&mut delivery, 10);
        assert_eq!(
            (delivery.retry_index, delivery.redeliver_requested, delivery.not_before),
            (1, false, Some(at(15)))
        );
    }
}

#[test]
fn redeliver_does_not_wait_for_crash_delays() {
    let mut delivery = delivery();
    let mut now = 0;
    while delivery.crashes < 9 {
        begin_attempt(&mut delivery, now + 60, now);
        now = delivery.not_before.unwrap().seconds();
    }
    assert!(delivery.crash_limit_reached());
    begin_attempt(&mut delivery, now + 60, now);
    assert!(!delivery.redeliver(at(now + 1)));
    assert!(!delivery.crash_limit_reached());
    assert_eq!((delivery.readiness(at(now + 60)), delivery.due_at), (Readiness::Due, Some(at(now + 60))));
    begin_attempt(&mut delivery, now + 120, now + 60);
    assert_eq!(
        (delivery.retry_index, delivery.crashes, delivery.redeliver_requested, delivery.bypass_disabled),
        (1, 0, false, true)
    );
}

#[test]
fn requeues_back_off_until_the_next_attempt() {
    let mut delivery = delivery();
    let mut due_times = vec![];
    for _ in 0..8 {
        delivery.requeued(at(0));
        due_times.extend(delivery.due_at.map(Timestamp::seconds));
    }
    assert_eq!(due_times, [60, 120, 240, 480, 960, 1920, 1920, 1920]);
    begin_attempt(&mut delivery, 40, 0);
    assert_eq!(delivery.requeues, 0);
}
