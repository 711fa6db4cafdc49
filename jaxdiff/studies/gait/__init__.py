"""One model for all gait signals: any subset of a stride's signals given, the others generated with
intervals.
"""
