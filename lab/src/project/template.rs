//! What `heedful new` writes.

/// For recordings of sound.
pub const AUDIO: &str = include_str!("template/audio.toml");
/// For readings of sensors.
pub const SERIES: &str = include_str!("template/series.toml");
/// For images.
pub const IMAGE: &str = include_str!("template/image.toml");

#[cfg(test)]
mod tests {
    use super::*;
    use crate::project::Project;
    use std::path::Path;

    #[test]
    fn all_are_projects() {
        for text in [AUDIO, SERIES, IMAGE] {
            let project = Project::parse(text, Path::new("a.toml"));
            assert!(project.is_ok(), "{}", project.unwrap_err());
            // What is commented out is a project, too.
            let lines = text.lines().map(|line| match line.strip_prefix("#:") {
                Some(option) => option,
                None => line,
            });
            let all = Project::parse(&lines.collect::<Vec<_>>().join("\n"), Path::new("a.toml"));
            assert!(all.is_ok(), "{}", all.unwrap_err());
        }
    }
}
