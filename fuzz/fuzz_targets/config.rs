#![no_main]

use buttress_tests::fuzz;

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::run("config", input));
