-- SPDX-License-Identifier: Apache-2.0
-- Copyright the Sluice authors
--
-- The simple IMIX, 64, 594 and 1518 bytes as 7 : 4 : 1. Pktgen sends it as a
-- sequence of 12 packets, so there are 12 flows; with more, take TRex.
local kit = require("kit")

local frames = { 64, 594, 64, 64, 594, 64, 1518, 64, 594, 64, 64, 594 }

kit.main(function()
  local sum = 0
  for _, size in ipairs(frames) do sum = sum + size end
  local mean = sum / #frames
  kit.setup_sequence(frames)
  kit.say("IMIX, mean frame %.1f bytes", mean)
  kit.warm_up(mean, #frames)
  kit.result("imix", math.floor(mean + 0.5), #frames, kit.search())
end)
