//! Labels: what a list of sessions says about one, sealed, since the list names nobody.
//!
//! ```text
//! sealed label = base64url(AES-256-GCM-SIV(label key, nonce = id ‖ 0x00000000, text ‖ zeros))
//! ```
//!
//! The zeros fill up 16 bytes. The same label of the same session is the same text; of two sessions it
//! is another, and what is moved to another session does not open.

use alloc::string::String;
use alloc::vec::Vec;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::{Cipher, TAG};

/// Bytes of a label, at most.
pub(crate) const MAX: usize = 64;
const STEP: usize = 16;

/// Seals a label of at most [`MAX`] bytes for the session with this id.
pub(crate) fn seal_label(cipher: &Cipher, id: [u8; 8], label: &str) -> Option<String> {
    let mut frame = Vec::with_capacity(MAX + TAG);
    frame.extend_from_slice(label.as_bytes());
    frame.resize(label.len().next_multiple_of(STEP), 0);
    let tag = cipher.seal(&nonce(id), &[], &mut frame)?;
    frame.extend_from_slice(&tag);
    Some(URL_SAFE_NO_PAD.encode(frame))
}

/// Opens a label; `None` if it is of another session, or of a ring whose index key was another.
pub(crate) fn open_label(cipher: &Cipher, id: [u8; 8], sealed: &str) -> Option<String> {
    let mut frame = URL_SAFE_NO_PAD.decode(sealed).ok()?;
    let (text, tag) = frame.split_last_chunk_mut::<TAG>()?;
    cipher.open(&nonce(id), &[], text, tag)?;
    let end = text.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    String::from_utf8(text.get(..end)?.to_vec()).ok()
}

/// Whether a text can be a sealed label.
pub(crate) fn is_sealed_label(text: &str) -> bool {
    let bytes = URL_SAFE_NO_PAD.decode(text).map_or(0, |bytes| bytes.len());
    bytes.is_multiple_of(STEP) && (STEP + TAG..=MAX + TAG).contains(&bytes)
}

fn nonce(id: [u8; 8]) -> [u8; 12] {
    let mut nonce = [0; 12];
    for (to, from) in nonce.iter_mut().zip(id) {
        *to = from;
    }
    nonce
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_label_is_read_by_who_has_the_key_for_the_session_that_it_is_of() {
        let (cipher, other) = (Cipher::new(&[7; 32]), Cipher::new(&[8; 32]));
        let sealed = seal_label(&cipher, [1; 8], "Firefox on Linux").unwrap();
        assert!(is_sealed_label(&sealed), "{sealed}");
        assert!(!sealed.contains("Firefox"));
        assert_eq!(open_label(&cipher, [1; 8], &sealed).unwrap(), "Firefox on Linux");
        assert_eq!(open_label(&cipher, [2; 8], &sealed), None);
        assert_eq!(open_label(&other, [1; 8], &sealed), None);
        assert_ne!(seal_label(&cipher, [2; 8], "Firefox on Linux").unwrap(), sealed);
    }

    proptest! {
        #[test]
        fn any_label_comes_back(id: [u8; 8], label in "[^\\p{C}]{1,16}") {
            let cipher = Cipher::new(&[7; 32]);
            let sealed = seal_label(&cipher, id, &label).unwrap();
            prop_assert!(is_sealed_label(&sealed) && sealed.len() <= 107);
            prop_assert_eq!(open_label(&cipher, id, &sealed).unwrap(), label);
        }

        #[test]
        fn any_text_opens_or_does_not(text: String) {
            let _ = open_label(&Cipher::new(&[7; 32]), [1; 8], &text);
            prop_assert!(!is_sealed_label(&text) || text.len() >= 43);
        }
    }
}
