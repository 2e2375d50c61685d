"""Train the motion prior on motion capture: `python train_amp.py fit --data.path <folder>`."""

from hfb.command import train_amp as main

if __name__ == "__main__":
    main()
