//! Reads a file's lines through linemux and counts them: the baseline of a reader that understands nothing.
//!
//! In: a file and how many lines it has. Out: the count. linemux follows its files without an end, so it must be told
//! when to stop. Does not parse.

use std::process::ExitCode;

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let (Some(path), Some(Ok(lines))) = (arguments.next(), arguments.next().map(|lines| lines.parse::<u64>())) else {
        eprintln!("linemux FILE LINES");
        return ExitCode::from(2);
    };
    match count(&path, lines).await {
        Ok(count) => {
            println!("{count}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("linemux: {path}: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn count(path: &str, lines: u64) -> std::io::Result<u64> {
    let mut files = linemux::MuxedLines::new()?;
    // A file that is added while it waits for others is read from its beginning.
    files.add_file_from_start(path).await?;
    let mut count = 0;
    while count < lines && files.next_line().await?.is_some() {
        count += 1;
    }
    Ok(count)
}
