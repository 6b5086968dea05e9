//! The command line.

#[macro_use]
pub mod say;

mod compare;
mod convert;
mod evaluate;
mod import;
mod info;
mod inspect;
mod mix;
mod new;
mod progress;
mod prune;
mod run;
mod screen;
mod second;
mod stream;
mod train;
mod train_digits;
mod upgrade;
mod verify;
mod watch;

use clap::Parser;
use heedful_lab::Error;

/// Train, convert and evaluate models for microcontrollers.
#[derive(Debug, Parser)]
#[command(name = "heedful", version)]
pub enum Command {
    /// Write a commented TOML to train from.
    New(new::New),
    /// Train a model as its TOML says, and write the .heed file.
    Train(train::Train),
    /// Train an encoder of spoken digits, that `convert` and `prune` take.
    TrainDigits(train_digits::TrainDigits),
    /// Turn such an encoder into integers and write the .heed file.
    Convert(convert::Convert),
    /// Judge a .heed model, and the float model beside it, on recordings.
    Evaluate(evaluate::Evaluate),
    /// Listen to a long recording, and say how many events are right.
    Stream(stream::Stream),
    /// Make a stream of what validates in a project, and a table of what is in it.
    Mix(mix::Mix),
    /// Turn a published model into integers and write the .heed file.
    Import(import::Import),
    /// Run a .heed model on arrays.
    Run(run::Run),
    /// Compare a .heed model with the float model that it was made of.
    Verify(verify::Verify),
    /// Say what is in a .heed model, and what it costs.
    Info(info::Info),
    /// Write a .heed file of an older version of the format anew.
    Upgrade(upgrade::Upgrade),
    /// Remove heads from a model for good.
    Prune(prune::Prune),
    /// Look inside a .heed model: what each head attends to, how much it matters, how it differs from the others.
    Inspect(inspect::Inspect),
    /// Look inside two .heed models, side by side.
    Compare(compare::Compare),
    /// Watch what heads attend to on a device that sends rows as frames, and write the report.
    Watch(watch::Watch),
}

impl Command {
    /// Does what the command says.
    pub fn run(self) -> Result<(), Error> {
        match self {
            Self::New(command) => command.run(),
            Self::Train(command) => command.run(),
            Self::TrainDigits(command) => command.run(),
            Self::Convert(command) => command.run(),
            Self::Evaluate(command) => command.run(),
            Self::Stream(command) => command.run(),
            Self::Mix(command) => command.run(),
            Self::Import(command) => command.run(),
            Self::Run(command) => command.run(),
            Self::Verify(command) => command.run(),
            Self::Info(command) => command.run(),
            Self::Upgrade(command) => command.run(),
            Self::Prune(command) => command.run(),
            Self::Inspect(command) => command.run(),
            Self::Compare(command) => command.run(),
            Self::Watch(command) => command.run(),
        }
    }
}
