//! What nobody should have written: odd texts, cursors from elsewhere, garbage in the store.

use haversack_fleet::EngineErrorKind;
use haversack_fleet::engine::{Cursor, Event, Record};

use super::probe::{
    HOUR, Probe, Seen, answer, delivered, either, eventually, now, put, records, unique,
};
use super::{Host, Place};

/// A cursor that is not of this log, whoever wrote it, is answered with [`Event::Reset`] and then
/// everything.
///
/// # Panics
///
/// When something is missing, or the follower is not told.
pub async fn answers_unknown_cursors_with_everything(host: &dyn Host) {
    let engine = host.engine().await;
    let all = records("foreign", 30, HOUR);
    answer("appending", engine.append(&all)).await;
    let foreign = [
        String::new(),
        "not a cursor of this engine".to_owned(),
        "another-engine 00ff00ff00ff00ff 17".to_owned(),
        "18446744073709551615".to_owned(),
        "18446744073709551615-18446744073709551615".to_owned(),
        "-1".to_owned(),
        "\u{0}\r\n$ * ${x} ../../etc/passwd".to_owned(),
        "9".repeat(5000),
    ];
    for text in foreign {
        let mut probe = Probe::start(host.engine().await, Some(Cursor(text.clone())));
        probe.has(&format!("everything for the cursor {text:?}"), &all).await;
        let seen = probe.seen();
        let reset = seen.iter().position(|it| matches!(it, Seen::Told(Event::Reset, _)));
        let records = seen.iter().position(|it| matches!(it, Seen::Told(Event::Records(..), _)));
        let told_first = reset.zip(records).is_some_and(|(reset, records)| reset < records);
        assert!(
            told_first,
            "the cursor {text:?} is not of this log, and nobody was told: {seen:?}"
        );
        let more = self::records("then", 1, HOUR);
        answer("appending", engine.append(&more)).await;
        probe.has("it follows from there", &more).await;
        probe.leave();
    }
}

/// A record that is not one line of at most 200 printable characters is refused as invalid or stored
/// as it is: it never turns into another one, and never takes others with it. Those that are, arrive
/// as they are.
///
/// # Panics
///
/// When they do not.
pub async fn takes_odd_texts(host: &dyn Host) {
    let engine = host.engine().await;
    let series = unique();
    let until = now().plus_millis(3_600_000);
    let record = |text: &str| Record { text: format!("{text}{series}"), until };
    let fine = [
        "quotes \" ' ` ",
        "backslash \\n \\0 ",
        "  spaces  ",
        "* ? $ % {} [] ",
        "0 ",
        "# ",
        "- ",
        "deadbeef 00000000 ",
        "~~~ |<>; ",
    ];
    let mut fine: Vec<_> = fine.iter().map(|text| record(text)).collect();
    let room = 200 - record("").text.len();
    fine.push(record(&"x".repeat(room)));
    answer("appending odd texts", engine.append(&fine)).await;

    let odd = [
        "two\nlines ",
        "\r\n",
        "nul \0 ",
        "bell \u{7} ",
        "ünï ",
        "\u{202e}right to left ",
        "\u{1F511} ",
    ];
    let mut odd: Vec<_> = odd.iter().map(|text| record(text)).collect();
    odd.push(record(&"x".repeat(room + 1)));
    odd.push(record(&"x".repeat(100_000)));
    odd.push(Record { text: String::new(), until });
    let mut stored = Vec::new();
    for record in &odd {
        match either("appending an odd text", engine.append(std::slice::from_ref(record))).await {
            Ok(()) => stored.push(record.clone()),
            Err(error) => assert!(
                matches!(error.kind(), EngineErrorKind::Invalid(_)),
                "what cannot be stored is invalid, for {:?}: {error}",
                record.text
            ),
        }
    }
    let after = records("after odd", 1, HOUR);
    answer("appending after odd texts", engine.append(&after)).await;
    let mut probe = Probe::join(host).await;
    let all = [fine.clone(), stored, after].concat();
    probe.has("what was taken arrives as it is", &all).await;
    for text in delivered(&probe.seen()).filter(|text| text.contains(&series)) {
        let written = |record: &Record| record.text == text;
        assert!(fine.iter().chain(&odd).any(written), "nobody wrote {text:?}");
    }
    probe.leave();
}

/// Bytes that no engine wrote, in the log or in place of the ring, are skipped or an error, and never
/// a panic, nor waiting for ever. Garbage in the log takes no record with it.
///
/// Without [`Host::garble`] nothing is checked. The ring is garbage afterwards, so this comes last.
///
/// # Panics
///
/// When the engine does.
pub async fn survives_garbage(host: &dyn Host) {
    let engine = host.engine().await;
    let long = "x".repeat(70_000);
    let garbage: [&[u8]; 9] = [
        b"",
        b"\n",
        b"\0",
        b"garbage",
        b"{\"json\": [1, 2",
        b"\xff\xfe\xc3\x28 not UTF-8",
        b"session AAAAAAAAAAA 99999999999999999999999999",
        b"-1 \r\n\r\n * $0 %n",
        long.as_bytes(),
    ];
    let mut all = records("clean", 5, HOUR);
    answer("appending", engine.append(&all)).await;
    let mut probe = Probe::join(host).await;
    probe.has("a follower has all", &all).await;
    for bytes in garbage {
        if !host.garble(Place::Log, bytes).await {
            break;
        }
        let more = records("beside garbage", 3, HOUR);
        eventually("appending beside garbage", async || engine.append(&more).await.map(Some)).await;
        all.extend(more);
        probe.has("a follower gets over garbage", &all).await;
        let mut late = Probe::join(host).await;
        late.has("garbage takes no record with it", &all).await;
        for text in delivered(&late.seen()) {
            assert!(text.len() < 100_000 && !text.contains(['\n', '\0']), "delivered: {text:?}");
        }
        late.leave();
    }

    put(&*engine, "what garbage replaces").await;
    for bytes in garbage {
        if !host.garble(Place::Ring, bytes).await {
            break;
        }
        // Whatever the answer is, there is one; and so there is for who joins.
        let _ = either("reading garbage for a ring", engine.ring()).await;
        let mut late = Probe::join(host).await;
        late.until("who joins is told something", |seen| seen.len() > 1).await;
        late.leave();
    }
    probe.leave();
}
