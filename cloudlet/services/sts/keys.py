"""STS stores nothing: a token carries its session."""


class Keys:
    def __init__(self, account: str, region: str) -> None:
        self.account, self.region = account, region
