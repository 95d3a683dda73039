-- SPDX-License-Identifier: Apache-2.0
-- Copyright the Sluice authors
--
-- New flows: every packet opens one (UDP, one direction). The no-drop rate in
-- packets is the rate of new flows a second; the flow table is full all the time.
--   SIZES (the first of the list)
local kit = require("kit")

kit.main(function()
  local size = kit.sizes[1]
  kit.setup_new_flows(size)
  kit.say("a new flow with every frame of %d bytes", size)
  local rate, sent, received = kit.search()
  kit.result("newflows", size, sent, rate, sent, received)
  kit.say("%.0f new flows/s", received / kit.confirm_s)
end)
