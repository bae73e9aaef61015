//! The application's root directory, guessed from its frames.
//!
//! In: a record. Out: a directory as the log spells it, or none. Invariant: only a directory that the runtime's own
//! layout gives away is taken: the one that holds `vendor/`, or that of Node's entry script. Configuration beats it.

use errtail_parsers::{Frame, Platform, Record};

/// The root that `project_root` would have to be, as far as the record's frames tell.
pub fn guess(record: &Record) -> Option<String> {
    let frames = || record.exceptions.iter().flat_map(|exception| &exception.frames);
    let files = || {
        record
            .exceptions
            .iter()
            .filter_map(|one| one.file.as_deref())
            .chain(frames().filter_map(|one| one.file.as_deref()))
    };
    match record.platform {
        Platform::Php => files()
            .find_map(|file| before(file, &["/vendor/", "\\vendor\\"]))
            .or_else(|| {
                files().find_map(|file| {
                    before(file, &["/public/index.php", "/bootstrap/", "/artisan", "\\public\\index.php"])
                })
            })
            .or_else(|| files().find_map(laravel)),
        Platform::Node => record.exceptions.iter().find_map(|exception| node_entry(&exception.frames)),
        _ => None,
    }
    .map(str::to_owned)
}

fn before<'a>(file: &'a str, marks: &[&str]) -> Option<&'a str> {
    marks.iter().find_map(|mark| file.find(mark)).filter(|at| *at > 0).map(|at| &file[..at])
}

/// `/srv/shop/app/Http/…`: Laravel's own directories below `app/`.
fn laravel(file: &str) -> Option<&str> {
    const MARKS: [&str; 8] = [
        "/app/Http/",
        "/app/Jobs/",
        "/app/Console/",
        "/app/Services/",
        "/app/Models/",
        "/app/Providers/",
        "/routes/web.php",
        "/routes/api.php",
    ];
    before(file, &MARKS)
}

/// The directory of the file that the runtime ran as the program: the frame just inside of its loader.
fn node_entry(frames: &[Frame]) -> Option<&str> {
    const LOADERS: [&str; 3] = ["Module._compile", "ModuleJob.run", "Module._compile [as _compile]"];
    let outermost =
        frames.iter().rposition(|frame| frame.function.as_deref().is_some_and(|name| LOADERS.contains(&name)))?;
    // What `require` loaded stands further in; the entry is the outermost script.
    let script = frames[..outermost].last().filter(|frame| frame.in_app)?;
    let path = super::node::path(script.file.as_deref()?);
    path.rsplit_once(['/', '\\']).map(|(directory, _)| directory).filter(|directory| !directory.is_empty())
}
